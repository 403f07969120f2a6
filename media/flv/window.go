package flv

import "io"

// window is what has been read of the input and not been used yet. It grows
// only by what arrives, whatever the input claims.
type window struct {
	src io.Reader
	buf []byte
	pos int   // what lies before is used
	err error // why nothing more comes; io.EOF at the end
}

const (
	windowStart   = 16 << 10
	maxEmptyReads = 100
)

// unused returns the bytes that are here.
func (w *window) unused() []byte { return w.buf[w.pos:] }

// fill reads until n unused bytes are here, and reports whether they are.
func (w *window) fill(n int) bool {
	for empty := 0; len(w.buf)-w.pos < n && w.err == nil; {
		w.makeRoom()
		got, err := w.src.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf, w.err = w.buf[:len(w.buf)+got], err
		if got > 0 {
			empty = 0
		} else if empty++; empty == maxEmptyReads && err == nil {
			w.err = io.ErrNoProgress
		}
	}
	return len(w.buf)-w.pos >= n
}

// makeRoom moves the unused bytes to the front where that frees half of the buffer, else doubles it.
func (w *window) makeRoom() {
	if len(w.buf) < cap(w.buf) {
		return
	}
	if w.pos >= cap(w.buf)/2 && w.pos > 0 {
		n := copy(w.buf, w.buf[w.pos:])
		w.buf, w.pos = w.buf[:n], 0
		return
	}
	grown := make([]byte, len(w.buf)-w.pos, max(windowStart, 2*cap(w.buf)))
	copy(grown, w.buf[w.pos:])
	w.buf, w.pos = grown, 0
}

func (w *window) skip(n int) { w.pos += n }
