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

// PlayCmd plays a live stream into a file.
type PlayCmd struct {
	URL      string        `arg:"" name:"url" help:"What to play, such as rtmp://127.0.0.1/live/NAME."`
	Output   string        `short:"o" help:"FLV file to write; - is standard output. Without it only statistics are shown." placeholder:"FILE"`
	Duration time.Duration `short:"t" help:"Stop after so much time of media." placeholder:"TIME"`
	Keep     bool          `help:"Go on when the publisher stops, until it comes back."`
	remote
}

// Help is shown by afterglow play --help.
func (PlayCmd) Help() string {
	return `Examples:
  afterglow play rtmp://127.0.0.1/live/film -o film.flv -t 10s
  afterglow play rtmp://127.0.0.1/live/film -o - | ffplay -
  afterglow play rtmp://127.0.0.1/live/film`
}

// errEnded ends playing without being an error.
var errEnded = errors.New("ended")

// Run plays until the stream, the duration or ctx ends.
func (c *PlayCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := &recorder{cmd: c, end: cancel}
	if err := p.create(); err != nil {
		return err
	}
	client, stream, name, err := c.open(ctx, c.URL, netconn.ClientEvents{}, netconn.StreamEvents{Packet: p.packet, Status: p.status})
	if err != nil {
		return errors.Join(err, p.close())
	}
	pctx, stop := context.WithTimeout(ctx, c.Timeout)
	defer stop()
	if err := stream.Play(pctx, name, netconn.PlayLiveOrRecorded, -1); err != nil {
		client.Close()
		return errors.Join(fmt.Errorf("playing %s: %w", name, err), p.close())
	}
	p.watch(ctx, client.Client)
	cause := context.Cause(ctx)
	client.Close()
	<-client.ended
	err = p.close()
	switch {
	case err != nil:
		return err
	case cause == nil:
		return fmt.Errorf("playing %s: %w", name, client.Err())
	case errors.Is(cause, errEnded) || errors.Is(cause, context.Canceled):
		return nil
	}
	return cause
}

// recorder writes what arrives, and counts it.
type recorder struct {
	cmd  *PlayCmd
	end  context.CancelCauseFunc
	file io.Closer
	out  *flv.Writer

	mu      sync.Mutex
	started bool
	first   uint32
	last    uint32
	audio   int
	video   int
	data    int
	size    int64 // payload bytes
	codecs  [2]string
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
	if p.out != nil {
		if err := p.out.WritePacket(m); err != nil && !errors.Is(err, flv.ErrAMF3) && !errors.Is(err, flv.ErrTooLarge) {
			p.end(err)
		}
	}
	if d := p.cmd.Duration; d > 0 && p.started && time.Duration(p.last-p.first)*time.Millisecond >= d {
		p.end(errEnded)
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
func (p *recorder) watch(ctx context.Context, c *netconn.Client) {
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
		case <-c.Done():
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

func (p *recorder) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out == nil {
		return nil
	}
	err := p.out.Close()
	p.out = nil
	if p.file != nil {
		err = errors.Join(err, p.file.Close())
	}
	return err
}
