package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

// request is one HTTP request. What goes wrong comes as an answer too, so that done is always called, later, on the
// engine's goroutine; only Close cancels it.
type request struct {
	method      string
	url         string
	contentType string // of the body
	headers     []header
	body        string
	progress    *progress
	done        func(answer)
}

// header is one that a script has set.
type header struct{ name, value string }

// answer is what came of a request.
type answer struct {
	status int // 0 if no answer came
	header http.Header
	body   []byte
	err    error
}

// text returns the body as text.
func (a answer) text() string { return decodeText(a.body, a.header.Get("Content-Type")) }

// failure returns why a script gets nothing: no answer, or one that tells of an error.
func (a answer) failure() error {
	if a.err == nil && a.status >= 400 {
		return fmt.Errorf("the server answered with status %d", a.status)
	}
	return a.err
}

// progress counts the bytes of an answer as they arrive.
type progress struct {
	loaded atomic.Int64
	total  atomic.Int64 // one more than the length that was announced, 0 before
}

// requests starts as many requests as may be open at a time, in order. It belongs to the engine's goroutine.
type requests struct {
	classes *Classes
	open    int
	waiting []request
}

var (
	errNoClient = errors.New("this application may not use HTTP")
	errTooMany  = errors.New("too many requests wait already")
	errTooLong  = errors.New("the answer is too long")
)

// start begins a request, or puts it behind those that wait. One that cannot begin fails, later.
func (q *requests) start(r request) {
	target, err := address(r.url)
	switch {
	case err != nil:
	case q.classes.options.HTTP == nil:
		err = errNoClient
	case len(q.waiting) >= q.classes.options.MaxWaiting:
		err = errTooMany
	}
	if err != nil {
		q.classes.engine.Post(func() { r.done(answer{err: err}) })
		return
	}
	if r.progress == nil {
		r.progress = &progress{}
	}
	r.url = target
	q.waiting = append(q.waiting, r)
	q.next()
}

// next begins what may begin.
func (q *requests) next() {
	for len(q.waiting) > 0 && q.open < q.classes.options.MaxRequests {
		r := q.waiting[0]
		q.waiting = q.waiting[1:]
		q.open++
		go q.run(r)
	}
}

// run does a request, on a goroutine of its own.
func (q *requests) run(r request) {
	a := q.classes.fetch(r)
	q.classes.engine.Post(func() {
		q.open--
		q.next()
		r.done(a)
	})
}

func (c *Classes) fetch(r request) answer {
	ctx, cancel := context.WithTimeout(c.ctx, c.options.Timeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		return answer{err: err}
	}
	q.Header.Set("User-Agent", c.options.Agent)
	if r.contentType != "" && r.method != http.MethodGet {
		q.Header.Set("Content-Type", r.contentType)
	}
	for _, h := range r.headers {
		q.Header.Set(h.name, h.value)
	}
	p, err := c.options.HTTP.Do(q)
	if err != nil {
		return answer{err: plain(err)}
	}
	defer p.Body.Close()
	r.progress.total.Store(p.ContentLength + 1)
	body, err := io.ReadAll(io.LimitReader(counter{p.Body, r.progress}, c.options.MaxResponse+1))
	if err == nil && int64(len(body)) > c.options.MaxResponse {
		err = fmt.Errorf("%w: more than %d bytes", errTooLong, c.options.MaxResponse)
	}
	if err != nil {
		return answer{status: p.StatusCode, header: p.Header, err: plain(err)}
	}
	return answer{status: p.StatusCode, header: p.Header, body: body}
}

// plain takes the URL out of an error, since its query may hold what no log should.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("the server did not answer in time")
	}
	return err
}

type counter struct {
	io.Reader
	progress *progress
}

// Read counts.
func (c counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.progress.loaded.Add(int64(n))
	return n, err
}

// address checks a URL and escapes what scripts leave unescaped: spaces, and all that is not ASCII.
func address(text string) (string, error) {
	text = strings.TrimSpace(text)
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if c := text[i]; c <= ' ' || c >= 0x7f {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	u, err := url.Parse(b.String())
	if err != nil {
		return "", errors.New("the URL is malformed")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", errors.New("only absolute URLs that begin with http:// or https:// can be loaded")
	}
	return u.String(), nil
}

// shown returns a URL for a log, without user, query and fragment.
func shown(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "?")
	text, _, _ = strings.Cut(text, "#")
	if scheme, rest, ok := strings.Cut(text, "://"); ok {
		host, path, _ := strings.Cut(rest, "/")
		text = scheme + "://" + host[strings.LastIndexByte(host, '@')+1:] + "/" + path
	}
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
