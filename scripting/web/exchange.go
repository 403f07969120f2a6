package web

import (
	"net/http"
	"strings"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
)

// exchange is what XML and LoadVars have in common: they send themselves to a URL and take what comes from one.
type exchange struct {
	classes     *Classes
	contentType string
	headers     []header
	loaded      goja.Value // nil before anything is loaded
	progress    *progress
}

func newExchange(c *Classes) exchange {
	return exchange{classes: c, contentType: "application/x-www-form-urlencoded"}
}

// exchanger is the Go side of XML and LoadVars.
type exchanger interface{ exchanges() *exchange }

// exchangeOf finds the exchange of an object, nil if it has none.
func (c *Classes) exchangeOf(o *goja.Object) *exchange {
	if c.xmlMade != nil {
		if x, ok := c.xmlMade.node.Self(o); ok && x.document != nil {
			return &x.document.exchange
		}
	}
	if c.loadMade != nil {
		if l, ok := c.loadMade.Self(o); ok {
			return &l.exchange
		}
	}
	return nil
}

// send posts the text of an object and drops the answer, or with GET appends it to the URL.
func (x *exchange) send(method, url, text string) goja.Value {
	r := x.request(method, url, text)
	r.done = func(a answer) {
		if err := a.failure(); err != nil {
			x.classes.warn("%s %s: %v", r.method, shown(r.url), err)
		}
	}
	return x.start(r)
}

// transfer sends a request whose answer goes to an object: onHTTPStatus, then onData with the text, or undefined.
func (x *exchange) transfer(method, url, text string, to *goja.Object) goja.Value {
	r := x.request(method, url, text)
	if target := x.classes.exchangeOf(to); target != nil {
		target.loaded = x.classes.engine.VM.ToValue(false)
		target.progress = &progress{}
		r.progress = target.progress
	}
	r.done = func(a answer) { x.classes.deliver(r, a, to) }
	return x.start(r)
}

func (c *Classes) deliver(r request, a answer, to *goja.Object) {
	_, _, _ = c.engine.CallMethod(to, "onHTTPStatus", c.engine.VM.ToValue(a.status))
	if err := a.failure(); err != nil {
		c.warn("%s %s: %v", r.method, shown(r.url), err)
		_, _, _ = c.engine.CallMethod(to, "onData", goja.Undefined())
		return
	}
	_, _, _ = c.engine.CallMethod(to, "onData", c.engine.VM.ToValue(a.text()))
}

func (x *exchange) request(method, url, text string) request {
	r := request{method: method, url: url, headers: append([]header(nil), x.headers...)}
	if method == http.MethodPost {
		r.body, r.contentType = text, x.contentType
		return r
	}
	if text != "" {
		separator := "?"
		if strings.Contains(url, "?") {
			separator = "&"
		}
		r.url += separator + text
	}
	return r
}

// start begins a request, and returns what load, send and sendAndLoad do: whether it has begun. One for an impossible URL
// fails later all the same, so that a script that waits hears of it.
func (x *exchange) start(r request) goja.Value {
	x.classes.requests.start(r)
	_, err := address(r.url)
	return x.classes.engine.VM.ToValue(err == nil)
}

// methodNamed reads the method argument of LoadVars and XML: POST unless it says GET.
func methodNamed(text string) string {
	if strings.EqualFold(text, http.MethodGet) {
		return http.MethodGet
	}
	return http.MethodPost
}

// refused has the headers that scripts cannot set, since they belong to the protocol.
const refused = " accept-encoding connection content-length expect host keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade "

// addRequestHeader takes a name and a value, or an array of them in turn.
func (x *exchange) addRequestHeader(c engine.Call) goja.Value {
	pairs := []goja.Value{c.Arg(0), c.Arg(1)}
	if list, ok := c.Arg(0).(*goja.Object); ok && list.ClassName() == "Array" {
		pairs = nil
		for i := range min(int(list.Get("length").ToInteger()), 2*maxHeaders) {
			pairs = append(pairs, list.Get(itoa(i)))
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		x.addHeader(pairs[i].String(), pairs[i+1].String())
	}
	return nil
}

// maxHeaders is how many headers an object may set.
const maxHeaders = 100

func (x *exchange) addHeader(name, value string) {
	h := header{http.CanonicalHeaderKey(name), value}
	switch {
	case !token(name) || strings.ContainsAny(value, "\r\n\x00") || len(value) > 8192:
		x.classes.warn("addRequestHeader: %q is no header that can be sent", name)
		return
	case strings.Contains(refused, " "+strings.ToLower(name)+" "):
		x.classes.warn("addRequestHeader: %s cannot be set", h.name)
		return
	case h.name == "Content-Type":
		x.contentType = value
		return
	}
	for i := range x.headers {
		if x.headers[i].name == h.name {
			x.headers[i] = h
			return
		}
	}
	if len(x.headers) >= maxHeaders {
		x.classes.warn("addRequestHeader: an object can have %d headers", maxHeaders)
		return
	}
	x.headers = append(x.headers, h)
}

// token says whether a text may be the name of a header (RFC 9110, 5.6.2).
func token(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		alphanumeric := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !alphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

func (x *exchange) bytesLoaded(c engine.Call) goja.Value {
	if x.progress == nil {
		return nil
	}
	return c.Value(x.progress.loaded.Load())
}

// bytesTotal is undefined until the length is known; when all is there, it is the length.
func (x *exchange) bytesTotal(c engine.Call) goja.Value {
	if x.progress == nil {
		return nil
	}
	if total := x.progress.total.Load(); total > 0 {
		return c.Value(total - 1)
	}
	if x.loaded != nil && x.loaded.ToBoolean() {
		return c.Value(x.progress.loaded.Load())
	}
	return nil
}

// finish is what the default onData begins with: it notes whether anything came, and returns it.
func (x *exchange) finish(c engine.Call) (text string, ok bool) {
	ok = c.Has(0) && !goja.IsNull(c.Arg(0))
	x.loaded = c.Value(ok)
	return c.String(0), ok
}

// exchangeMethods are the methods that do not depend on the class.
func exchangeMethods[T exchanger](methods map[string]engine.Method[T]) map[string]engine.Method[T] {
	methods["addRequestHeader"] = func(t T, c engine.Call) goja.Value { return t.exchanges().addRequestHeader(c) }
	methods["getBytesLoaded"] = func(t T, c engine.Call) goja.Value { return t.exchanges().bytesLoaded(c) }
	methods["getBytesTotal"] = func(t T, c engine.Call) goja.Value { return t.exchanges().bytesTotal(c) }
	return methods
}

// exchangeProperties are the properties that do not depend on the class.
func exchangeProperties[T exchanger](properties map[string]engine.Property[T]) map[string]engine.Property[T] {
	properties["contentType"] = engine.Property[T]{
		Get: func(t T, c engine.Call) goja.Value { return c.Value(t.exchanges().contentType) },
		Set: func(t T, _ engine.Call, v goja.Value) { t.exchanges().contentType = v.String() },
	}
	properties["loaded"] = engine.Property[T]{
		Get: func(t T, _ engine.Call) goja.Value { return t.exchanges().loaded },
		Set: func(t T, _ engine.Call, v goja.Value) { t.exchanges().loaded = v },
	}
	return properties
}
