package e2e

import (
	"crypto/tls"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
)

// viewer is a player inside of the test, of which many cost little.
type viewer struct {
	client *netconn.Client

	mu      sync.Mutex
	packets []*media.Packet
	codes   []netconn.Code
	changed chan struct{}
}

// view begins to play.
func view(t *testing.T, url, stream string, o overrtmp.DialOptions) *viewer {
	t.Helper()
	v := &viewer{changed: make(chan struct{})}
	o.Dialer.TLSConfig = &tls.Config{InsecureSkipVerify: true}
	ctx := within(t)
	var err error
	if v.client, err = overrtmp.Dial(ctx, url, o); err != nil {
		t.Fatalf("connecting to %s: %v", url, err)
	}
	t.Cleanup(v.client.Close)
	s, err := v.client.CreateStream(ctx, netconn.StreamEvents{Packet: v.packet, Status: v.status})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Play(ctx, stream, netconn.PlayLive, -1); err != nil {
		t.Fatalf("playing %s: %v", stream, err)
	}
	return v
}

func (v *viewer) packet(p *media.Packet) {
	v.change(func() { v.packets = append(v.packets, p) })
}

func (v *viewer) status(s netconn.Status) {
	v.change(func() { v.codes = append(v.codes, s.Code) })
}

func (v *viewer) change(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
	close(v.changed)
	v.changed = make(chan struct{})
}

// await waits until what came is enough.
func (v *viewer) await(t *testing.T, what string, enough func([]*media.Packet, []netconn.Code) bool) {
	t.Helper()
	timeout := time.After(patience)
	for {
		v.mu.Lock()
		ok, more, n, codes := enough(v.packets, v.codes), v.changed, len(v.packets), slices.Clone(v.codes)
		v.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-more:
		case <-v.client.Done():
			t.Fatalf("waiting for %s: the connection ended: %v", what, v.client.Err())
		case <-timeout:
			t.Fatalf("waiting for %s: %d packets came, and %v", what, n, codes)
		}
	}
}

// awaitEnd waits until the publisher is gone, after which nothing comes any more.
func (v *viewer) awaitEnd(t *testing.T) {
	t.Helper()
	v.await(t, "the end of the stream", func(_ []*media.Packet, codes []netconn.Code) bool {
		return slices.Contains(codes, netconn.PlayUnpublishNotify)
	})
}

// awaitVideo waits until n video packets have come.
func (v *viewer) awaitVideo(t *testing.T, n int) {
	t.Helper()
	v.await(t, "video", func(packets []*media.Packet, _ []netconn.Code) bool {
		count := 0
		for _, p := range packets {
			if p.Kind == media.KindVideo {
				count++
			}
		}
		return count >= n
	})
}

// seen returns what came so far.
func (v *viewer) seen() []*media.Packet {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.packets)
}

// source is a publisher inside of the test.
type source struct {
	client *netconn.Client
	stream *netconn.ClientStream
	name   string
}

// publishTo begins to publish.
func publishTo(t *testing.T, url, name string, o overrtmp.DialOptions) *source {
	t.Helper()
	ctx := within(t)
	client, err := overrtmp.Dial(ctx, url, o)
	if err != nil {
		t.Fatalf("connecting to %s: %v", url, err)
	}
	t.Cleanup(client.Close)
	stream, err := client.CreateStream(ctx, netconn.StreamEvents{})
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Publish(ctx, name, "live"); err != nil {
		t.Fatalf("publishing %s: %v", name, err)
	}
	return &source{client, stream, name}
}

// write sends packets at once.
func (s *source) write(t *testing.T, packets ...*media.Packet) {
	t.Helper()
	ctx := within(t)
	for _, p := range packets {
		if err := s.stream.Write(ctx, p); err != nil {
			t.Fatalf("publishing %s: %v", s.name, err)
		}
	}
}

// end ends publishing after everything has been sent.
func (s *source) end(t *testing.T) {
	t.Helper()
	if err := s.stream.Unpublish(within(t), s.name); err != nil {
		t.Fatalf("ending %s: %v", s.name, err)
	}
	s.client.Close()
	<-s.client.Done()
	if err := s.client.Err(); !errors.Is(err, netconn.ErrDisconnected) && err != nil {
		t.Logf("%s ended: %v", s.name, err)
	}
}
