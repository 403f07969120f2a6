package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/media/flv"
)

// input is a file that is published, and how.
type input struct {
	File string `arg:"" help:"FLV file; - is standard input."`
	Loop bool   `help:"Begin again at the end; time goes on."`
	Fast bool   `help:"Send as fast as it is taken instead of in real time."`
}

// open opens the file and finds out whether it can be published.
func (c *input) open() (*os.File, error) {
	in, err := openInput(c.File)
	if err != nil {
		return nil, err
	}
	if _, err := in.Seek(0, io.SeekCurrent); err != nil && c.Loop {
		_ = in.Close()
		return nil, errors.New("--loop needs a file that can be read again")
	}
	if err := c.looksPlayable(in); err != nil {
		_ = in.Close()
		return nil, err
	}
	return in, nil
}

// send gives write the packets of the file, each when its time has come, until the end or that of ctx, and shows how far it is.
func (c *input) send(ctx context.Context, in *os.File, name string, write func(context.Context, *media.Packet) error) error {
	p := filePublisher{input: c, write: write, begun: time.Now(), length: duration(in)}
	p.bar = newBar(p.length, "publishing "+name)
	var err error
	for {
		if err = p.file(ctx, in); err != nil || !c.Loop {
			break
		}
		if _, err = in.Seek(0, io.SeekStart); err != nil {
			break
		}
	}
	_ = p.bar.Finish()
	fmt.Fprintln(os.Stderr)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// looksPlayable keeps a file without media from being announced. A pipe cannot be looked at twice.
func (c *input) looksPlayable(in *os.File) error {
	if _, err := in.Seek(0, io.SeekCurrent); err != nil {
		return nil
	}
	if _, err := flv.NewReader(in, nil).Next(); err != nil {
		return fmt.Errorf("%s is no FLV file: make one with ffmpeg -i FILE -c copy -f flv OUT.flv", c.File)
	}
	_, err := in.Seek(0, io.SeekStart)
	return err
}

func openInput(name string) (*os.File, error) {
	if name == "-" {
		return os.Stdin, nil
	}
	return os.Open(name)
}

// filePublisher sends the packets of FLV files, each when its time has come.
type filePublisher struct {
	input  *input
	write  func(context.Context, *media.Packet) error
	begun  time.Time
	length time.Duration
	bar    *progressbar.ProgressBar
	base   uint32 // added to the file's time, milliseconds
	last   uint32 // newest time sent
}

// loopGap is the time, in milliseconds, from the last packet of a file to its first when it begins again.
const loopGap = 23

func (p *filePublisher) file(ctx context.Context, in io.Reader) error {
	r := flv.NewReader(in, nil)
	first := true
	sent := 0
	var start uint32
	for {
		packet, err := r.Next()
		if errors.Is(err, io.EOF) {
			if sent == 0 {
				return fmt.Errorf("%s has no media: publish takes FLV files, which ffmpeg makes with -c copy -f flv", p.input.File)
			}
			p.base = p.last + loopGap
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.input.File, err)
		}
		if first {
			start, first = packet.Timestamp, false
		}
		packet = packet.WithTimestamp(packet.Timestamp - start + p.base)
		if media.Before(p.last, packet.Timestamp) {
			p.last = packet.Timestamp
		}
		if err := p.send(ctx, packet); err != nil {
			return err
		}
		sent++
	}
}

// prepared has a server keep the metadata for those who join later.
func prepared(p *media.Packet) *media.Packet {
	if p.Kind != media.KindData || p.DataIsAMF3 {
		return p
	}
	values, err := amf.Decode0(p.Payload, nil)
	if err != nil || len(values) == 0 || values[0] != "onMetaData" {
		return p
	}
	return media.NewPacket(media.KindData, p.Timestamp, append(amf.AppendString0(nil, "@setDataFrame"), p.Payload...))
}

func (p *filePublisher) send(ctx context.Context, packet *media.Packet) error {
	if !p.input.Fast {
		if err := sleepUntil(ctx, p.begun.Add(time.Duration(packet.Timestamp)*time.Millisecond)); err != nil {
			return err
		}
	}
	_ = p.bar.Set64(int64(packet.Timestamp))
	return p.write(ctx, packet)
}

func sleepUntil(ctx context.Context, t time.Time) error {
	d := time.Until(t)
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newBar shows progress in milliseconds of media, or a spinner where the length is not known.
func newBar(length time.Duration, what string) *progressbar.ProgressBar {
	most := int64(-1)
	if length > 0 {
		most = length.Milliseconds()
	}
	return progressbar.NewOptions64(most,
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(200*time.Millisecond),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetWidth(30),
	)
}

// duration reads the time of a file's last tag, 0 when it cannot (FLV 10.1 annex E.3).
func duration(f *os.File) time.Duration {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	var back [4]byte
	if _, err := f.ReadAt(back[:], info.Size()-4); err != nil {
		return 0
	}
	var tag [8]byte
	if _, err := f.ReadAt(tag[:], info.Size()-4-int64(binary.BigEndian.Uint32(back[:]))); err != nil {
		return 0
	}
	ms := uint32(tag[7])<<24 | uint32(tag[4])<<16 | uint32(tag[5])<<8 | uint32(tag[6])
	return time.Duration(ms) * time.Millisecond
}
