package trace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Read traces a whole capture with the keys that there are. A capture that ends in the middle of a frame, as those do whose
// program was ended, is no error. Finish is left to the caller.
func (t *Tracer) Read(ctx context.Context, source Source, keys []*KeyFile) error {
	if err := t.pollKeys(keys); err != nil {
		return err
	}
	for _, file := range keys {
		file.End(t.KeyLine)
	}
	for ctx.Err() == nil {
		frame, err := source.Next()
		if err != nil {
			return t.ending(err)
		}
		t.Frame(frame)
	}
	return ctx.Err()
}

// ending tells the errors with which captures end from others.
func (t *Tracer) ending(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		t.Note("the capture ends in the middle of a frame")
		return nil
	}
	return err
}

func (t *Tracer) pollKeys(keys []*KeyFile) error {
	for _, file := range keys {
		if err := file.Poll(t.KeyLine); err != nil {
			return fmt.Errorf("key log: %w", err)
		}
	}
	return nil
}

// Follow traces a capture while it is made: it looks at the key logs, and writes what there is, with each tick. It ends with ctx, which
// is no error, or with the source; a goroutine that waits in source.Next is left behind, until the source is closed.
func (t *Tracer) Follow(ctx context.Context, source Source, keys []*KeyFile, ticks <-chan time.Time) error {
	if err := t.pollKeys(keys); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	frames, ended := pump(ctx, source)
	for {
		select {
		case frame := <-frames:
			t.Frame(frame)
		case now := <-ticks:
			if err := t.tick(now, keys); err != nil {
				return err
			}
		case err := <-ended:
			t.drain(frames)
			return errors.Join(t.pollKeys(keys), t.ending(err))
		case <-ctx.Done():
			return t.pollKeys(keys)
		}
	}
}

func (t *Tracer) tick(now time.Time, keys []*KeyFile) error {
	if err := t.pollKeys(keys); err != nil {
		return err
	}
	t.pass(now)
	return t.Flush()
}

// pass gives up the datagrams that have waited for a key too long while no others came.
func (t *Tracer) pass(now time.Time) {
	if !t.begun {
		return
	}
	for _, late := range t.waiting.due(now.Sub(t.origin)) {
		t.undecoded(late)
	}
}

func (t *Tracer) drain(frames <-chan Frame) {
	for {
		select {
		case frame := <-frames:
			t.Frame(frame)
		default:
			return
		}
	}
}

// waitingFrames is how many frames may be read ahead of being traced.
const waitingFrames = 256

// pump reads the source. All frames have been sent when ended is.
func pump(ctx context.Context, source Source) (frames chan Frame, ended chan error) {
	frames, ended = make(chan Frame, waitingFrames), make(chan error, 1)
	go func() {
		for {
			frame, err := source.Next()
			if err != nil {
				ended <- err
				return
			}
			frame.Data = bytes.Clone(frame.Data)
			select {
			case frames <- frame:
			case <-ctx.Done():
				return
			}
		}
	}()
	return frames, ended
}
