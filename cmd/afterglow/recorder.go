package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/media/flv"
	"afterglow/netconn"
)

// errEnded ends playing without being an error.
var errEnded = errors.New("ended")

// recording says what becomes of a stream that is played.
type recording struct {
	Output   string        `short:"o" help:"FLV file to write; - is standard output. Without it only statistics are shown." placeholder:"FILE"`
	Duration time.Duration `short:"t" help:"Stop after so much time of media." placeholder:"TIME"`
	Keep     bool          `help:"Go on when the publisher stops, until it comes back."`
}

// recorder writes what arrives, and counts it.
type recorder struct {
	cmd  *recording
	end  context.CancelCauseFunc
	file io.Closer
	out  *flv.Writer

	mu      sync.Mutex
	lanes   *interleaver // over transports on which kinds of media overtake each other
	started bool
	first   uint32
	last    uint32
	audio   int
	video   int
	data    int
	size    int64 // payload bytes
	codecs  [2]string
}

// newRecorder makes what records a stream of a URL. end is called when nothing more is wanted.
func newRecorder(r *recording, url string, end context.CancelCauseFunc) *recorder {
	p := &recorder{cmd: r, end: end}
	if isRTMFP(url) {
		p.lanes = &interleaver{write: p.write, now: time.Now}
	}
	return p
}

func (p *recorder) create() error {
	o := &flv.WriterOptions{Audio: true, Video: true, Rebase: true}
	switch p.cmd.Output {
	case "":
		return nil
	case "-":
		p.out = flv.NewWriter(os.Stdout, o)
		return nil
	}
	f, err := os.Create(p.cmd.Output)
	if err != nil {
		return err
	}
	p.file, p.out = f, flv.NewWriter(f, o)
	return nil
}

// packet takes what arrives, but for what the server says to Flash only.
func (p *recorder) packet(m *media.Packet) {
	if m.Kind == media.KindData && isNotice(m.Payload) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count(m)
	switch {
	case p.out == nil:
	case p.lanes != nil:
		p.lanes.add(m)
	default:
		p.write(m)
	}
	if d := p.cmd.Duration; d > 0 && p.started && time.Duration(p.last-p.first)*time.Millisecond >= d {
		p.end(errEnded)
	}
}

// write writes a packet to the file.
func (p *recorder) write(m *media.Packet) {
	if err := p.out.WritePacket(m); err != nil && !errors.Is(err, flv.ErrAMF3) && !errors.Is(err, flv.ErrTooLarge) {
		p.end(err)
	}
}

// notices are the data messages that begin a play and belong to no stream.
var notices = [][]byte{amf.AppendString0(nil, "|RtmpSampleAccess"), amf.AppendString0(nil, "onStatus")}

func isNotice(payload []byte) bool {
	return slices.ContainsFunc(notices, func(n []byte) bool { return bytes.HasPrefix(payload, n) })
}

func (p *recorder) count(m *media.Packet) {
	p.size += int64(len(m.Payload))
	switch m.Kind {
	case media.KindAudio:
		p.audio++
		p.codecs[1] = m.Codec.String()
	case media.KindVideo:
		p.video++
		p.codecs[0] = m.Codec.String()
	default:
		p.data++
		return
	}
	if !p.started {
		p.started, p.first, p.last = true, m.Timestamp, m.Timestamp
	}
	if media.Before(p.last, m.Timestamp) {
		p.last = m.Timestamp
	}
}

func (p *recorder) status(s netconn.Status) {
	switch {
	case s.Code == netconn.PlayUnpublishNotify && !p.cmd.Keep, s.Code == netconn.PlayStop:
		p.end(errEnded)
	case s.Level == netconn.LevelError:
		p.end(s)
	}
}

// watch shows a line of statistics each second until the end.
func (p *recorder) watch(ctx context.Context, gone <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	defer fmt.Fprintln(os.Stderr)
	for {
		select {
		case <-tick.C:
			p.show()
		case <-ctx.Done():
			p.show()
			return
		case <-gone:
			return
		}
	}
}

func (p *recorder) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	length := time.Duration(p.last-p.first) * time.Millisecond
	rate := 0.0
	if length > 0 {
		rate = float64(p.size) * 8 / 1000 / length.Seconds()
	}
	fmt.Fprintf(os.Stderr, "\r%8s  video %d (%s)  audio %d (%s)  data %d  %.0f kbit/s  ",
		length.Round(100*time.Millisecond), p.video, p.codecs[0], p.audio, p.codecs[1], p.data, rate)
}

// result closes the file and says how playing ended: by itself, which is well, or because the connection did.
func (p *recorder) result(cause error, name string, gone error) error {
	switch err := p.close(); {
	case err != nil:
		return err
	case cause == nil:
		return fmt.Errorf("playing %s: %w", name, gone)
	case errors.Is(cause, errEnded) || errors.Is(cause, context.Canceled):
		return nil
	}
	return cause
}

func (p *recorder) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out == nil {
		return nil
	}
	if p.lanes != nil {
		p.lanes.flush()
	}
	err := p.out.Close()
	p.out = nil
	if p.file != nil {
		err = errors.Join(err, p.file.Close())
	}
	return err
}
