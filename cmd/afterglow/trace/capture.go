package trace

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Frame is one captured frame of a network.
type Frame struct {
	// At is when it was captured.
	At time.Time

	// Link says with which headers Data begins.
	Link LinkType

	// Data is the frame, valid until the next one is read. It may be only the beginning of what was on the network.
	Data []byte
}

// Source gives frames in the order of their capture. The error after the last one is io.EOF.
type Source interface {
	Next() (Frame, error)
}

// maxFrame is the largest frame in bytes that is read: as much as capture programs keep of one.
const maxFrame = 1 << 18

// ErrCapture is the root of all errors that say what is wrong with a capture file.
var ErrCapture = errors.New("not a capture that can be read")

func badCapture(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCapture, fmt.Sprintf(format, args...))
}

// NewReader reads a capture file of either form, pcap or pcapng, in either byte order. Its errors, and those of the source, wrap
// ErrCapture; a file that ends in the middle of a frame gives io.ErrUnexpectedEOF.
func NewReader(r io.Reader) (Source, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	magic, err := buffered.Peek(4)
	if err != nil {
		return nil, badCapture("no header")
	}
	if binary.BigEndian.Uint32(magic) == blockSection {
		return newPcapNG(buffered), nil
	}
	return newPcap(buffered)
}

// cutShort tells the end of a file within something from that between two things.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// grown gives a slice of the given length, with the memory of b if that will do. What it holds is undefined.
func grown(b []byte, length int) []byte {
	if cap(b) < length {
		return make([]byte, length)
	}
	return b[:length]
}
