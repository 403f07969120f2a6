package web

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/dop251/goja"

	"afterglow/scripting/web/xmldoc"
)

// maxUnsent is how many bytes a socket keeps for a far end that does not read.
const maxUnsent = 1 << 20

// line is one connection of a socket: a goroutine that connects and reads, one that writes. The reading one waits until
// the engine has taken what it brought.
type line struct {
	socket  *socket
	this    *goja.Object // whose handlers are called
	address string
	ctx     context.Context
	cancel  context.CancelFunc

	// Of the engine's goroutine:
	connected bool
	pending   []byte          // what has come of a document that a zero byte will end
	splitter  xmldoc.Splitter // the same of XMLStreams

	mu     sync.Mutex
	unsent []byte
	more   chan struct{} // has one element when there is something to write
}

func newLine(s *socket, this *goja.Object, address string) *line {
	l := &line{socket: s, this: this, address: address, more: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancel(s.classes.ctx)
	return l
}

// write hands text to the writer. It reports false when too much waits already.
func (l *line) write(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.unsent)+len(text) > maxUnsent {
		return false
	}
	l.unsent = append(l.unsent, text...)
	select {
	case l.more <- struct{}{}:
	default:
	}
	return true
}

// run connects, then reads until the connection ends.
func (l *line) run() {
	defer l.cancel()
	o := l.socket.classes.options
	ctx, cancel := context.WithTimeout(l.ctx, o.Timeout)
	conn, err := o.Dial(ctx, "tcp", l.address)
	cancel()
	if err == nil {
		defer context.AfterFunc(l.ctx, func() { _ = conn.Close() })()
		defer conn.Close()
	}
	if !l.tell(func() { l.socket.connected(l, err) }) || err != nil {
		return
	}
	go l.send(conn)
	l.receive(conn)
	l.socket.classes.engine.Post(func() { l.socket.lost(l) })
}

// tell lets the engine do something and waits for it. It reports false when the connection has been ended.
func (l *line) tell(f func()) bool {
	done := make(chan struct{})
	if !l.socket.classes.engine.Post(func() { defer close(done); f() }) {
		return false
	}
	select {
	case <-done:
		return l.ctx.Err() == nil
	case <-l.ctx.Done():
		return false
	}
}

func (l *line) receive(conn io.Reader) {
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		if n > 0 {
			b := bytes.Clone(buffer[:n])
			if !l.tell(func() { l.socket.received(l, b) }) {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// send writes what scripts have sent.
func (l *line) send(conn io.Writer) {
	for {
		select {
		case <-l.more:
		case <-l.ctx.Done():
			return
		}
		l.mu.Lock()
		b := l.unsent
		l.unsent = nil
		l.mu.Unlock()
		if _, err := conn.Write(b); err != nil {
			l.cancel()
			return
		}
	}
}

// cut takes bytes and returns the documents that are complete with them, none of them longer than a limit.
func (l *line) cut(b []byte, limit int) (documents []string, err error) {
	if l.socket.streams {
		l.splitter.Max = limit
		return l.splitter.Write(b)
	}
	for len(b) > 0 {
		part, rest, ended := bytes.Cut(b, []byte{0})
		if len(l.pending)+len(part) > limit {
			return documents, xmldoc.ErrTooLong
		}
		l.pending = append(l.pending, part...)
		if ended {
			documents = append(documents, string(l.pending))
			l.pending = l.pending[:0]
		}
		b = rest
	}
	return documents, nil
}
