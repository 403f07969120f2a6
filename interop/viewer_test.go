package interop

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"afterglow/media"
	"afterglow/media/flv"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
)

// frame is what must be the same of a coded packet wherever it arrives.
type frame struct {
	Kind  string // audio or video
	Track uint8
	Time  int64  // presentation time in milliseconds
	Sum   string // MD5 of the coded bytes, without any header
}

func newFrame(kind string, track uint8, pts time.Duration, coded ...[]byte) frame {
	h := md5.New()
	for _, b := range coded {
		h.Write(b)
	}
	return frame{kind, track, pts.Milliseconds(), hex.EncodeToString(h.Sum(nil))}
}

// framesOf returns the coded frames among packets.
func framesOf(packets []*media.Packet) []frame {
	var frames []frame
	for _, p := range packets {
		if p.Type != media.PacketCodedFrames && p.Type != media.PacketCodedFramesX {
			continue
		}
		for track, err := range p.Tracks() {
			if err == nil {
				pts := time.Duration(int64(p.Timestamp)+int64(track.CompositionTime)) * time.Millisecond
				coded := [][]byte{track.Body}
				if track.Codec == media.CodecAV01 {
					coded = unitsOf(track.Body)
				}
				frames = append(frames, newFrame(p.Kind.String(), track.ID, pts, coded...))
			}
		}
	}
	return frames
}

// pick returns the frames of one track.
func pick(frames []frame, kind string, track uint8) []frame {
	return slices.DeleteFunc(slices.Clone(frames), func(f frame) bool { return f.Kind != kind || f.Track != track })
}

// sameFrames fails the test unless the frames of each track are the same, in order.
func sameFrames(t *testing.T, want, got []frame) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("nothing was published")
	}
	for _, kind := range []string{"audio", "video"} {
		for track := range uint8(4) {
			if problem := differ(pick(want, kind, track), pick(got, kind, track)); problem != "" {
				t.Errorf("%s track %d: %s", kind, track, problem)
			}
		}
	}
}

func differ(want, got []frame) string {
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			return fmt.Sprintf("frame %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
	if len(want) != len(got) {
		return fmt.Sprintf("%d frames arrived, %d were published", len(got), len(want))
	}
	return ""
}

// readFLV returns the packets of a file.
func readFLV(t *testing.T, path string) []*media.Packet {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := flv.NewReader(f, nil)
	var packets []*media.Packet
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return packets
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		packets = append(packets, p)
	}
}

// viewer is Afterglow's own client as a player.
type viewer struct {
	client *netconn.Client

	mu      sync.Mutex
	packets []*media.Packet
	codes   []netconn.Code
	changed chan struct{}
}

func view(t *testing.T, s *server, stream string, o overrtmp.DialOptions) *viewer {
	t.Helper()
	v := &viewer{changed: make(chan struct{})}
	ctx := within(t)
	var err error
	if v.client, err = overrtmp.Dial(ctx, s.url(""), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.client.Close)
	ns, err := v.client.CreateStream(ctx, netconn.StreamEvents{
		Packet: func(p *media.Packet) { v.change(func() { v.packets = append(v.packets, p) }) },
		Status: func(st netconn.Status) { v.change(func() { v.codes = append(v.codes, st.Code) }) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := ns.Play(ctx, stream, netconn.PlayLive, -1); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *viewer) change(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
	close(v.changed)
	v.changed = make(chan struct{})
}

// await waits until what came is enough.
func (v *viewer) await(t *testing.T, what string, enough func() bool) {
	t.Helper()
	timeout := time.After(patience)
	for {
		v.mu.Lock()
		ok, more := enough(), v.changed
		v.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-more:
		case <-v.client.Done():
			t.Fatalf("waiting for %s: %v", what, v.client.Err())
		case <-timeout:
			t.Fatalf("waiting for %s: %d packets came, and %v", what, len(v.packets), v.codes)
		}
	}
}

// awaitFrames waits until n coded frames have come.
func (v *viewer) awaitFrames(t *testing.T, n int) {
	t.Helper()
	v.await(t, fmt.Sprint(n, " frames"), func() bool { return len(framesOf(v.packets)) >= n })
}

// awaitEnd waits until the publisher is gone.
func (v *viewer) awaitEnd(t *testing.T) {
	t.Helper()
	v.await(t, "the end of the stream", func() bool { return slices.Contains(v.codes, netconn.PlayUnpublishNotify) })
}

func (v *viewer) seen() []*media.Packet {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.packets)
}

// has reports whether a status came.
func (v *viewer) has(code netconn.Code) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Contains(v.codes, code)
}

// publish publishes packets with Afterglow's own client.
func publish(t *testing.T, s *server, stream string, packets []*media.Packet) {
	t.Helper()
	ctx := within(t)
	client, err := overrtmp.Dial(ctx, s.url(""), overrtmp.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ns, err := client.CreateStream(ctx, netconn.StreamEvents{})
	if err != nil {
		t.Fatal(err)
	}
	if err := ns.Publish(ctx, stream, "live"); err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		if err := ns.Write(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := ns.Unpublish(ctx, stream); err != nil {
		t.Fatal(err)
	}
	client.Close()
	<-client.Done()
}
