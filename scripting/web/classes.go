package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
)

// Options are what the classes need. A zero limit means its default.
type Options struct {
	// HTTP carries the requests of scripts; its policy for redirects applies. With nil all requests fail.
	HTTP *http.Client
	// Dial opens the connections of XMLSocket and XMLStreams; network is "tcp". With nil none can be opened.
	Dial func(ctx context.Context, network, address string) (io.ReadWriteCloser, error)
	// MaxResponse is how many bytes an answer may have once it is unpacked. Default 16 MiB.
	MaxResponse int64
	// MaxRequests is how many requests may be open at a time; further ones wait in order. Default 64.
	MaxRequests int
	// MaxWaiting is how many requests may wait; further ones fail. Default 10,000.
	MaxWaiting int
	// MaxSockets is how many XMLSockets and XMLStreams may be open at a time. Default 1,000.
	MaxSockets int
	// Timeout is how long a request, or connecting a socket, may take (server-side-api 5.1, HTTP). Default 60 s.
	Timeout time.Duration
	// MaxUnprocessedChars is how many bytes an XMLSocket may receive without the end of a document, and the most that
	// scripts can set it to (server-side-api 2.11). Default 4096.
	MaxUnprocessedChars int
	// Agent is the User-Agent of requests. Default "Afterglow".
	Agent string
}

func (o Options) withDefaults() Options {
	orElse(&o.MaxResponse, 16<<20)
	orElse(&o.MaxRequests, 64)
	orElse(&o.MaxWaiting, 10000)
	orElse(&o.MaxSockets, 1000)
	orElse(&o.Timeout, 60*time.Second)
	orElse(&o.MaxUnprocessedChars, 4096)
	if o.Agent == "" {
		o.Agent = "Afterglow"
	}
	return o
}

func orElse[T int | int64 | time.Duration](field *T, otherwise T) {
	if *field <= 0 {
		*field = otherwise
	}
}

// Classes are the classes of one engine.
type Classes struct {
	engine   *engine.Engine
	options  Options
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	requests requests
	sockets  int // that are open

	// Classes are made when they are first asked for.
	xmlMade     *xmlClass
	loadMade    *engine.Handle[*loadVars]
	serviceMade *serviceClass
	socketMade  map[bool]*engine.Handle[*socket]
	logMade     *engine.Handle[*serviceLog]
}

// Install gives an engine the classes. Each is made when a script first asks for it.
func Install(e *engine.Engine, o Options) *Classes {
	c := &Classes{engine: e, options: o.withDefaults()}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.requests.classes = c
	for name, class := range map[string]func() *goja.Object{
		"XML":        func() *goja.Object { return c.xml().document.Constructor },
		"XMLNode":    func() *goja.Object { return c.xml().node.Constructor },
		"LoadVars":   func() *goja.Object { return c.loadVars().Constructor },
		"XMLSocket":  func() *goja.Object { return c.socket(false).Constructor },
		"XMLStreams": func() *goja.Object { return c.socket(true).Constructor },
		"WebService": func() *goja.Object { return c.service().constructor },
		"SOAPCall":   func() *goja.Object { return c.service().call.Constructor },
		"SOAPFault":  func() *goja.Object { return c.service().fault },
		"Log":        func() *goja.Object { return c.log().Constructor },
	} {
		e.Lazy(name, func() goja.Value { return class() })
	}
	return c
}

// Close cancels all that is open and waits for nothing. It may be called from any goroutine. No handler is called for what
// it ends once the engine is closed too.
func (c *Classes) Close() { c.cancel() }

// warn tells the application's log of something that no exception tells of, with the place in the script that asked for
// it if one runs.
func (c *Classes) warn(format string, args ...any) {
	p := engine.Problem{Kind: engine.Warning, Message: fmt.Sprintf(format, args...)}
	for _, f := range c.engine.VM.CaptureCallStack(8, nil) {
		if at := f.Position(); at.Line > 0 {
			p.File, p.Line = at.Filename, at.Line
			break
		}
	}
	c.engine.Report(p)
}

// handler is the name of an event handler: "onLoad", but not "online".
func handler(name string) bool {
	return len(name) > 2 && strings.HasPrefix(name, "on") && name[2] >= 'A' && name[2] <= 'Z'
}
