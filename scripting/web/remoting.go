package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"afterglow/amf"
)

// Remoting calls the services behind a Flash Remoting gateway (server-side-api 2.6). It belongs to the engine's goroutine.
// Calls made while one piece of script runs go out together.
type Remoting struct {
	// ObjectEncoding is 0 or 3: what objects in later calls are written in. Default 0.
	ObjectEncoding int
	// AMF bounds what answers may cost; nil is the defaults of package amf.
	AMF *amf.Options

	classes *Classes
	url     string
	headers []envelopeHeader
	last    int // number of the last call
	batch   []remoteCall
	closed  bool
}

// remoteCall is a call that waits for its answer.
type remoteCall struct {
	response string // "/1"
	encoded  []byte
	done     func(amf.Value, error)
}

// StatusError is what a service answers with instead of a result.
type StatusError struct {
	// Info is what the service sent: mostly an object with level, code, description and details.
	Info amf.Value
}

// Error returns the description, or the whole value.
func (e *StatusError) Error() string {
	if o, ok := e.Info.(*amf.Object); ok {
		for _, name := range []string{"description", "faultString", "code"} {
			if text := o.String(name); text != "" {
				return text
			}
		}
	}
	return amf.Format(e.Info)
}

// ErrRemotingClosed is what calls of a Remoting that has been closed end with.
var ErrRemotingClosed = errors.New("the connection to the gateway is closed")

// Remoting returns the services behind an http or https URL. Nothing is sent before the first call.
func (c *Classes) Remoting(url string) *Remoting { return &Remoting{classes: c, url: url} }

// URL returns where calls go; gateways can change it.
func (r *Remoting) URL() string { return r.url }

// Close drops the calls that are under way: their done is not called.
func (r *Remoting) Close() {
	r.closed = true
	r.batch = nil
}

// AddHeader sets a header of all later calls. One of that name is replaced; it is taken out with amf.Undefined. must says
// that the gateway has to understand it. There may be 100; further ones are ignored, and so are names of more than 65,535 bytes.
func (r *Remoting) AddHeader(name string, must bool, v amf.Value) {
	kept := r.headers[:0:0]
	for _, h := range r.headers {
		if h.name != name {
			kept = append(kept, h)
		}
	}
	if v != amf.Undefined && len(kept) < maxHeaders && len(name) <= 65535 {
		kept = append(kept, envelopeHeader{name, must, v})
	}
	r.headers = kept
}

// Call calls a method, "service.method". done is called later, on the engine's goroutine, with the result, a *StatusError
// that the service answered with, or another error when no answer came.
func (r *Remoting) Call(method string, done func(value amf.Value, err error), args ...amf.Value) {
	e := r.classes.engine
	if r.closed {
		e.Post(func() { done(nil, ErrRemotingClosed) })
		return
	}
	r.last++
	response := "/" + itoa(r.last)
	encoded, err := encodeCall(method, response, args, r.encoding())
	if err != nil {
		e.Post(func() { done(nil, fmt.Errorf("calling %s: %w", method, err)) })
		return
	}
	r.batch = append(r.batch, remoteCall{response, encoded, done})
	if len(r.batch) == 1 {
		e.Post(r.flush)
	}
}

func (r *Remoting) encoding() int {
	if r.ObjectEncoding == 3 {
		return 3
	}
	return 0
}

// flush sends the calls that wait.
func (r *Remoting) flush() {
	for len(r.batch) > 0 {
		n := min(len(r.batch), 1000)
		r.post(r.batch[:n:n])
		r.batch = r.batch[n:]
	}
	r.batch = nil
}

func (r *Remoting) post(calls []remoteCall) {
	encoded := make([][]byte, len(calls))
	for i, c := range calls {
		encoded[i] = c.encoded
	}
	body, err := appendEnvelope(nil, r.headers, encoded, r.encoding())
	if err != nil {
		r.fail(calls, err)
		return
	}
	r.classes.requests.start(request{
		method:      http.MethodPost,
		url:         r.url,
		contentType: "application/x-amf",
		body:        string(body),
		done:        func(a answer) { r.answered(calls, a) },
	})
}

func (r *Remoting) fail(calls []remoteCall, err error) {
	for _, c := range calls {
		if !r.closed {
			c.done(nil, err)
		}
	}
}

// answered gives each call its answer.
func (r *Remoting) answered(calls []remoteCall, a answer) {
	if r.closed {
		return
	}
	if err := a.failure(); err != nil {
		r.fail(calls, err)
		return
	}
	e, err := decodeEnvelope(a.body, r.AMF)
	for _, h := range e.headers {
		r.obey(h)
	}
	for _, b := range e.bodies {
		response, kind, _ := cutLast(b.target, "/")
		for i, c := range calls {
			if c.response != response || c.done == nil || r.closed {
				continue
			}
			switch kind {
			case "onResult":
				calls[i].done = nil
				c.done(b.data, nil)
			case "onStatus":
				calls[i].done = nil
				c.done(nil, &StatusError{b.data})
			}
		}
	}
	if err == nil {
		err = errors.New("the gateway did not answer the call")
	}
	for _, c := range calls {
		if c.done != nil && !r.closed {
			c.done(nil, err)
		}
	}
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}

// maxGatewayURL is how long a URL may grow.
const maxGatewayURL = 8192

// obey does what a header of an answer asks for.
func (r *Remoting) obey(h envelopeHeader) {
	switch h.name {
	case "AppendToGatewayUrl":
		if text, ok := h.data.(string); ok {
			r.redirect(r.url + text)
		}
	case "ReplaceGatewayUrl":
		if text, ok := h.data.(string); ok {
			r.redirect(text)
		}
	case "RequestPersistentHeader":
		if o, ok := h.data.(*amf.Object); ok {
			data, _ := o.Get("data")
			r.AddHeader(o.String("name"), o.Bool("mustUnderstand"), data)
		}
	}
}

func (r *Remoting) redirect(url string) {
	if _, err := address(url); err != nil || len(url) > maxGatewayURL {
		r.classes.warn("%s: the gateway asked for a URL that cannot be called", shown(r.url))
		return
	}
	r.url = url
}
