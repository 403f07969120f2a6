package flv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"afterglow/media"
)

// What WritePacket refuses single packets with; the Writer goes on.
var (
	// ErrAMF3 means that a data packet has values in AMF3 and AMF3 tags are not wanted.
	ErrAMF3 = errors.New("flv: data in AMF3")
	// ErrTooLarge means that a payload is longer than a tag can say: 16,777,215 bytes.
	ErrTooLarge = errors.New("flv: payload too large for a tag")
)

// ErrClosed means that the Writer was closed before.
var ErrClosed = errors.New("flv: writer is closed")

// WriterOptions describes the file to be written.
type WriterOptions struct {
	// Audio and Video say what the header announces. With both false it announces both, and Close corrects it
	// where the output can be written at an offset.
	Audio, Video bool
	// Rebase makes the first audio or video packet that is no codec configuration the time zero; what comes
	// before it or has an earlier time is written at zero. Timestamps are followed across 2^32.
	Rebase bool
	// AMF3Tags writes data in AMF3 as tags of type 15 (Enhanced RTMP v2, Enabling AMF3 in FLV), which few readers know.
	// Without it such data is written as AMF0, its format byte stripped, where no value switches to AMF3, and
	// refused with ErrAMF3 elsewhere.
	AMF3Tags bool
}

// Writer writes FLV.
type Writer struct {
	dst      io.Writer
	options  WriterOptions
	origin   int64 // where the header is in a seekable output, else -1
	started  bool
	saw      byte // header flags of what was written
	clock    clock
	scratch  []byte
	finished bool
	err      error
}

// NewWriter returns a Writer to dst. Options may be nil. Nothing is written before the first packet or Close.
func NewWriter(dst io.Writer, options *WriterOptions) *Writer {
	w := &Writer{dst: dst, origin: -1}
	if options != nil {
		w.options = *options
	}
	return w
}

// WritePacket writes a packet with one Write call, the header before the first.
// ErrAMF3 and ErrTooLarge concern that packet alone, of which nothing was
// written; an error of dst stays, since the file is broken there. Whether the media is malformed is not looked at.
func (w *Writer) WritePacket(p *media.Packet) error {
	if w.finished {
		return ErrClosed
	}
	if w.err != nil {
		return w.err
	}
	tagType, body, err := w.tagBody(p)
	if err != nil {
		return err
	}
	w.scratch = w.appendHeader(w.scratch[:0])
	w.scratch = appendTagHeader(w.scratch, tagType, len(body), w.timestamp(p))
	w.scratch = append(w.scratch, body...)
	w.scratch = binary.BigEndian.AppendUint32(w.scratch, uint32(tagHeaderSize+len(body)))
	w.note(p)
	return w.flush()
}

// Close writes the header if nothing was written, and corrects its flags where
// nobody gave them and dst is an io.Seeker and io.WriterAt, such as a file that
// was not opened for appending. It does not close dst. Closing again does nothing.
func (w *Writer) Close() error {
	if w.finished || w.err != nil {
		w.finished = true
		return w.err
	}
	w.finished = true
	w.scratch = w.appendHeader(w.scratch[:0])
	if err := w.flush(); err != nil {
		return err
	}
	if w.options.Audio || w.options.Video || w.origin < 0 || w.saw == 0 {
		return nil
	}
	const flagsOffset = 4
	if _, err := w.dst.(io.WriterAt).WriteAt([]byte{w.saw}, w.origin+flagsOffset); err != nil {
		return fmt.Errorf("flv: correcting the header: %w", err)
	}
	return nil
}

// tagBody returns tag type and body, which differ from those of the packet for data in AMF3.
func (w *Writer) tagBody(p *media.Packet) (tagType uint8, body []byte, err error) {
	tagType, body = p.MessageType(), p.Payload
	if p.DataIsAMF3 && !w.options.AMF3Tags {
		const formatAMF0 = 0
		if len(body) == 0 || body[0] != formatAMF0 || !pureAMF0(body[1:]) {
			return 0, nil, fmt.Errorf("%w at %d ms", ErrAMF3, p.Timestamp)
		}
		tagType, body = uint8(media.KindData), body[1:]
	}
	if len(body) > maxDataSize {
		return 0, nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(body))
	}
	return tagType, body, nil
}

// appendHeader appends the file header unless it was written (FLV 10.1 E.2).
func (w *Writer) appendHeader(b []byte) []byte {
	if w.started {
		return b
	}
	w.started = true
	w.origin = origin(w.dst)
	var flags byte
	if w.options.Audio {
		flags |= flagAudio
	}
	if w.options.Video {
		flags |= flagVideo
	}
	if flags == 0 {
		flags = flagAudio | flagVideo
	}
	return append(b, 'F', 'L', 'V', 1, flags, 0, 0, 0, headerSize, 0, 0, 0, 0)
}

// origin returns the offset in an output that can be corrected later, else -1: a pipe is a file too, but does not seek.
func origin(dst io.Writer) int64 {
	s, ok := dst.(interface {
		io.Seeker
		io.WriterAt
	})
	if !ok {
		return -1
	}
	at, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return -1
	}
	return at
}

func (w *Writer) timestamp(p *media.Packet) uint32 {
	if !w.options.Rebase {
		return p.Timestamp
	}
	return w.clock.rebase(p)
}

func (w *Writer) note(p *media.Packet) {
	switch p.Kind {
	case media.KindAudio:
		w.saw |= flagAudio
	case media.KindVideo:
		w.saw |= flagVideo
	}
}

func (w *Writer) flush() error {
	if len(w.scratch) == 0 {
		return nil
	}
	if _, err := w.dst.Write(w.scratch); err != nil {
		w.err = fmt.Errorf("flv: writing: %w", err)
	}
	return w.err
}

// clock makes timestamps start at zero. It counts in 64 bits, so that a file
// longer than 2^31 milliseconds is not taken for one that runs backwards.
type clock struct {
	running bool
	last    uint32
	elapsed int64 // milliseconds from zero to last
}

func (c *clock) rebase(p *media.Packet) uint32 {
	if !c.running {
		if p.Kind == media.KindData || p.Config {
			return 0
		}
		c.running, c.last = true, p.Timestamp
	}
	c.elapsed += int64(media.Elapsed(c.last, p.Timestamp))
	c.last = p.Timestamp
	return uint32(max(c.elapsed, 0))
}
