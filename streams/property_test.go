package streams

import (
	"testing"
	"testing/synctest"
	"time"

	"afterglow/media"

	"pgregory.net/rapid"
)

// watcher is a subscriber and what may be expected of it.
type watcher struct {
	sub     *Subscriber
	last    uint32 // time of the last packet
	any     bool
	missing map[uint32]bool // data messages written since it joined and not seen yet
	decodes bool            // a keyframe has come since the start or the last skip
	seen    uint64
	written uint64 // audio and video written since it joined
	skipped uint64 // skips seen by the count
}

// Whatever happens: packets come in order and once, no data message is lost, video begins with a keyframe, and what
// did not come was counted as skipped.
func TestOrderAndKeptMessages(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var failure any
		synctest.Test(t, func(*testing.T) {
			// A failure has to leave the bubble before rapid sees it.
			defer func() { failure = recover() }()
			sequence(rt)
		})
		if failure != nil {
			panic(failure)
		}
	})
}

func sequence(rt *rapid.T) {
	h := NewHub(Config{
		MaxLag:       time.Duration(rapid.IntRange(1, 20).Draw(rt, "lag")) * time.Second,
		CacheBytes:   rapid.SampledFrom([]int{0, 60, 500}).Draw(rt, "cache"),
		NoGOPCache:   rapid.Bool().Draw(rt, "no cache"),
		KeptMessages: 10_000,
	})
	p, err := h.Publish("cam", Claim{})
	if err != nil {
		rt.Fatal(err)
	}
	var now uint32
	var watchers []*watcher
	write := func(packet *media.Packet) {
		if err := p.Write(packet); err != nil {
			rt.Fatal(err)
		}
		for _, w := range watchers {
			if packet.Kind == media.KindData {
				w.missing[packet.Timestamp] = true
			} else {
				w.written++
			}
		}
	}
	steps := rapid.SliceOfN(rapid.SampledFrom([]string{
		"key", "inter", "inter", "inter", "audio", "audio", "data", "wait", "join", "pull", "drain", "leave",
	}), 1, 150).Draw(rt, "steps")
	for _, step := range steps {
		now++
		switch step {
		case "key":
			write(key(now))
		case "inter":
			write(inter(now))
		case "audio":
			write(audio(now))
		case "data":
			write(data(now))
		case "wait":
			time.Sleep(time.Duration(rapid.IntRange(1, 8).Draw(rt, "seconds")) * time.Second)
		case "join":
			watchers = append(watchers, joined(h))
		case "leave":
			if len(watchers) > 0 {
				watchers[0].sub.Close()
				watchers = watchers[1:]
			}
		case "pull":
			if len(watchers) > 0 {
				watchers[rapid.IntRange(0, len(watchers)-1).Draw(rt, "who")].pull(rt, 3)
			}
		case "drain":
			for _, w := range watchers {
				w.pull(rt, 1_000_000)
			}
		}
	}
	for _, w := range watchers {
		w.pull(rt, 1_000_000)
		if len(w.missing) > 0 {
			rt.Fatalf("data messages lost: %v", w.missing)
		}
		w.sub.Close()
	}
	p.Close()
	if n := h.Stats().LostKept.Load(); n > 0 {
		rt.Fatalf("%d data messages lost", n)
	}
	if left := h.Streams(); len(left) > 0 {
		rt.Fatalf("left behind: %+v", left)
	}
}

func joined(h *Hub) *watcher {
	w := &watcher{sub: h.Subscribe("cam", SubscribeOptions{}), missing: make(map[uint32]bool)}
	s := w.sub.stream
	// What is in the ring from the joining point on counts as written to the newcomer.
	for seq := w.sub.next; seq < s.head.Load(); seq++ {
		if p := s.ring.Load().load(seq).item.Packet; p.Kind == media.KindData {
			w.missing[p.Timestamp] = true
		} else {
			w.written++
		}
	}
	return w
}

func (w *watcher) pull(rt *rapid.T, n int) {
	for range n {
		item, ok := w.sub.Next()
		if !ok {
			break
		}
		p := item.Packet
		if p == nil {
			continue
		}
		if w.any && p.Timestamp <= w.last {
			rt.Fatalf("packet %d after %d", p.Timestamp, w.last)
		}
		w.last, w.any = p.Timestamp, true
		if s := w.sub.Skipped(); s != w.skipped {
			w.skipped, w.decodes = s, false
		}
		switch {
		case p.Kind == media.KindData:
			if !w.missing[p.Timestamp] {
				rt.Fatalf("data message %d came twice or was never written", p.Timestamp)
			}
			delete(w.missing, p.Timestamp)
			continue
		case p.Keyframe:
			w.decodes = true
		case p.Kind == media.KindVideo && !w.decodes:
			rt.Fatalf("frame %d cannot be decoded", p.Timestamp)
		}
		w.seen++
	}
	if w.seen+w.sub.Skipped() > w.written {
		rt.Fatalf("%d seen and %d skipped of %d", w.seen, w.sub.Skipped(), w.written)
	}
}
