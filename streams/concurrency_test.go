package streams

import (
	"sync"
	"testing"
	"time"
)

// gate is a Waker that a goroutine can wait at.
type gate chan struct{}

func (g gate) Wake() {
	select {
	case g <- struct{}{}:
	default:
	}
}

func TestManySubscribersSeeEveryPacketInOrder(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	const count, watchers = 3000, 50
	var wg sync.WaitGroup
	for range watchers {
		g := make(gate, 1)
		sub := h.Subscribe("cam", SubscribeOptions{Waker: g})
		wg.Go(func() {
			defer sub.Close()
			next := uint32(0)
			for {
				item, ok := sub.Next()
				if !ok {
					<-g
					continue
				}
				if item.Event == EventUnpublish {
					if next != count {
						t.Errorf("the end came after %d packets", next)
					}
					return
				}
				if item.Packet.Timestamp != next {
					t.Errorf("packet %d instead of %d", item.Packet.Timestamp, next)
					return
				}
				next++
			}
		})
	}
	for i := range uint32(count) {
		packet := inter(i)
		if i%50 == 0 {
			packet = key(i)
		}
		write(t, p, packet)
	}
	p.Close()
	wg.Wait()
	if n := h.Stats().Skips.Load(); n != 0 {
		t.Errorf("%d skips", n)
	}
}

// Publishers that come and go, subscribers that come and go, and skips, all at the same time.
func TestConcurrentComingAndGoing(t *testing.T) {
	h := NewHub(Config{CacheBytes: 2000, MaxLag: time.Nanosecond})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 50 {
				p, err := h.Publish("cam", Claim{Take: true, Evicted: func(*Publisher) {}})
				if err != nil {
					t.Error(err)
					return
				}
				for i := range uint32(30) {
					packet := inter(i)
					switch i % 10 {
					case 0:
						packet = key(i)
					case 5:
						packet = data(i)
					}
					if p.Write(sized(packet, 50)) != nil {
						break
					}
				}
				p.Close()
			}
		})
	}
	for range 8 {
		wg.Go(func() {
			for range 50 {
				sub := h.Subscribe("cam", SubscribeOptions{})
				for range 100 {
					sub.Next()
				}
				sub.Resume()
				sub.Next()
				sub.Close()
			}
		})
	}
	wg.Go(func() {
		for range 500 {
			h.Streams()
			h.Publisher("cam")
		}
	})
	wg.Wait()
	if s := h.Streams(); len(s) != 0 {
		t.Errorf("left behind: %+v", s)
	}
}
