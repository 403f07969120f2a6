package rtmp

import (
	"errors"
	"io"
)

// A connection that only sends acknowledgements keeps a small buffer; one that fills it gets a larger one, up to
// what a busy publisher needs.
const (
	smallBuffer = 512
	largeBuffer = 64 << 10
)

// inbuf is a read buffer that grows with the traffic. Slices that it returns are valid until the next call.
type inbuf struct {
	src   io.Reader
	buf   []byte
	r, w  int
	small int    // reads in a row that a small buffer could have held
	total uint64 // bytes received

	arrived func() // called after each read; may be nil
}

func (b *inbuf) buffered() int { return b.w - b.r }

// peek returns the next n bytes without consuming them; with an error, those that there are.
func (b *inbuf) peek(n int) ([]byte, error) {
	for b.buffered() < n {
		if err := b.fill(n); err != nil {
			return b.buf[b.r:b.w], err
		}
	}
	return b.buf[b.r : b.r+n], nil
}

func (b *inbuf) skip(n int) { b.r += n }

// take consumes exactly n bytes, n at most smallBuffer.
func (b *inbuf) take(n int) ([]byte, error) {
	p, err := b.peek(n)
	if err != nil {
		if len(p) > 0 {
			err = unexpected(err)
		}
		return nil, err
	}
	b.r += n
	return p, nil
}

// some consumes between 1 and n bytes, whatever has arrived.
func (b *inbuf) some(n int) ([]byte, error) {
	if b.buffered() == 0 {
		if err := b.fill(1); err != nil {
			return nil, err
		}
	}
	n = min(n, b.buffered())
	b.r += n
	return b.buf[b.r-n : b.r], nil
}

// readFull fills p, for the fixed-size parts of the handshake: past the buffer, which need not grow for them.
func (b *inbuf) readFull(p []byte) error {
	n := copy(p, b.buf[b.r:b.w])
	b.r += n
	for p = p[n:]; len(p) > 0; p = p[n:] {
		var err error
		n, err = b.src.Read(p)
		b.total += uint64(n)
		if n == 0 && err == nil {
			err = io.ErrNoProgress
		}
		if n == 0 {
			return unexpected(err)
		}
	}
	return nil
}

// fill reads once, with room for at least need bytes from the read position.
func (b *inbuf) fill(need int) error {
	if b.r == b.w {
		b.r, b.w = 0, 0
	}
	b.shrinkIdle()
	switch {
	case b.buf == nil:
		b.buf = make([]byte, max(smallBuffer, need))
	case b.w == len(b.buf) && b.r > 0:
		b.w = copy(b.buf, b.buf[b.r:b.w])
		b.r = 0
	}
	n, err := b.src.Read(b.buf[b.w:])
	if b.small++; n > smallBuffer/2 {
		b.small = 0
	}
	b.w += n
	b.total += uint64(n)
	if n > 0 {
		if b.w == len(b.buf) && len(b.buf) < largeBuffer {
			b.enlarge()
		}
		if b.arrived != nil {
			b.arrived()
		}
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// enlarge follows a read that filled the buffer: more is waiting.
func (b *inbuf) enlarge() {
	buf := make([]byte, min(4*len(b.buf), largeBuffer))
	b.w = copy(buf, b.buf[b.r:b.w])
	b.r = 0
	b.buf = buf
}

// shrinkIdle goes back to a small buffer once the traffic has become small.
func (b *inbuf) shrinkIdle() {
	const reads = 4
	if b.small >= reads {
		b.shrink()
	}
}

// shrink gives a large buffer back when nothing is in it.
func (b *inbuf) shrink() {
	if b.buffered() == 0 && len(b.buf) > smallBuffer {
		b.buf, b.r, b.w = nil, 0, 0
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
