package web

import (
	"math"
	"strings"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
)

// socket is the Go side of an XMLSocket or XMLStreams (server-side-api 2.11). It belongs to the engine's goroutine; a
// [line] is what reads and writes on goroutines of its own.
type socket struct {
	classes *Classes
	streams bool // cut by first-level elements instead of zero bytes
	max     int  // maxUnprocessedChars
	line    *line
}

// socket makes XMLSocket, or XMLStreams.
func (c *Classes) socket(streams bool) *engine.Handle[*socket] {
	if made := c.socketMade[streams]; made != nil {
		return made
	}
	name := "XMLSocket"
	if streams {
		name = "XMLStreams"
	}
	made := engine.Make(c.engine, engine.Class[*socket]{
		Name: name,
		New: func(*engine.Engine, *goja.Object, []goja.Value) (*socket, error) {
			return &socket{classes: c, streams: streams, max: c.options.MaxUnprocessedChars}, nil
		},
		Methods: map[string]engine.Method[*socket]{
			"connect": (*socket).connect,
			"send":    (*socket).send,
			"close":   (*socket).close,
			"onData":  (*socket).onData,
		},
		Properties: map[string]engine.Property[*socket]{
			"maxUnprocessedChars": {
				Get: func(s *socket, c engine.Call) goja.Value { return c.Value(s.max) },
				Set: (*socket).setMax,
			},
		},
	})
	if c.socketMade == nil {
		c.socketMade = make(map[bool]*engine.Handle[*socket])
	}
	c.socketMade[streams] = made
	return made
}

// setMax takes what is no more than the application allows.
func (s *socket) setMax(_ engine.Call, v goja.Value) {
	if n := v.ToInteger(); n > 0 {
		s.max = int(min(n, int64(s.classes.options.MaxUnprocessedChars)))
	}
}

// connect takes a host and a port, and ends the connection that there was. It returns whether connecting has begun; onConnect tells how it ends.
func (s *socket) connect(c engine.Call) goja.Value {
	host, port := c.String(0), c.Number(1, 0)
	if !isHost(host) || port != math.Trunc(port) || port < 1 || port > 65535 {
		s.classes.warn("connect: %q, port %v: a host and a port from 1 to 65535 are needed", host, c.Arg(1))
		return c.Value(false)
	}
	if s.line != nil {
		s.drop()
	}
	if s.classes.options.Dial == nil || s.classes.sockets >= s.classes.options.MaxSockets {
		s.classes.warn("connect: no more sockets can be opened")
		return c.Value(false)
	}
	s.classes.sockets++
	s.line = newLine(s, c.This, joinHostPort(host, int(port)))
	go s.line.run()
	return c.Value(true)
}

// isHost says whether a text looks like a name or an address, which the dialer finds out.
func isHost(host string) bool {
	return host != "" && len(host) <= 255 && !strings.ContainsAny(host, " \t\r\n\x00/@#?%[]")
}

func joinHostPort(host string, port int) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + itoa(port)
}

// send takes anything and sends its text, behind which an XMLSocket puts a zero byte.
func (s *socket) send(c engine.Call) goja.Value {
	if s.line == nil || !s.line.connected || len(c.Args) == 0 {
		return c.Value(false)
	}
	text := c.Arg(0).String()
	if !s.streams {
		text += "\x00"
	}
	if s.line.write(text) {
		return c.Value(true)
	}
	s.classes.warn("send: the far end does not read; the connection was closed")
	s.lost(s.line)
	return c.Value(false)
}

func (s *socket) close(c engine.Call) goja.Value {
	had := s.line != nil
	if had {
		s.drop()
	}
	return c.Value(had)
}

// drop ends the connection without a word to the script.
func (s *socket) drop() {
	s.line.cancel()
	s.line = nil
	s.classes.sockets--
}

// lost ends a connection, and tells the script later.
func (s *socket) lost(l *line) {
	if s.line != l {
		return
	}
	s.drop()
	s.classes.engine.Post(func() { _, _, _ = s.classes.engine.CallMethod(l.this, "onClose") })
}

// onData is the handler that objects have unless scripts set another: it reads the text as XML for onXML.
func (s *socket) onData(c engine.Call) goja.Value {
	if _, ok := c.Method(c.This, "onXML"); ok {
		_, _, _ = c.CallMethod(c.This, "onXML", s.classes.XML(c.String(0)))
	}
	return nil
}

// connected tells the script how connecting ended.
func (s *socket) connected(l *line, err error) {
	if s.line != l {
		return
	}
	if err != nil {
		s.classes.warn("connecting to %s: %v", l.address, err)
		s.drop()
	}
	l.connected = err == nil
	_, _, _ = s.classes.engine.CallMethod(l.this, "onConnect", s.classes.engine.VM.ToValue(err == nil))
}

// received takes bytes that have arrived.
func (s *socket) received(l *line, b []byte) {
	if s.line != l {
		return
	}
	documents, err := l.cut(b, s.max)
	for _, d := range documents {
		if s.line != l {
			return // a handler has closed it
		}
		_, _, _ = s.classes.engine.CallMethod(l.this, "onData", s.classes.engine.VM.ToValue(strings.ToValidUTF8(d, "\ufffd")))
	}
	if err != nil && s.line == l {
		s.classes.warn("%s sent more than %d bytes without the end of a document; the connection was closed", l.address, s.max)
		s.lost(l)
	}
}
