package streams

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"afterglow/media"
)

func TestWithoutWatchersOnlyTheGOPIsKept(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	for i := range 100 {
		write(t, p, sized(key(uint32(i)), 1000), data(uint32(i)), audio(uint32(i)), sized(inter(uint32(i)), 1000))
	}
	s := h.streams["cam"]
	if info := s.info(); info.CacheBytes != 2007 {
		t.Errorf("%d bytes are kept", info.CacheBytes)
	}
	if len(s.kept) > 1 || s.keptBytes > 4 {
		t.Errorf("%d messages of %d bytes are kept for skippers", len(s.kept), s.keptBytes)
	}
	live := 0
	r := s.ring.Load()
	for i := range r.slots {
		if r.slots[i].Load() != nil {
			live++
		}
	}
	if live != 4 {
		t.Errorf("%d entries in the ring", live)
	}
	write(t, p, audio(1000))
	if got := len(h.streams["cam"].ring.Load().slots); got != minSlots {
		t.Errorf("%d slots", got)
	}
}

func TestWithoutWatchersSoundIsNotKept(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	for i := range 1000 {
		write(t, p, audio(uint32(i)))
	}
	if n := h.Streams()[0].CacheBytes; n > 3 {
		t.Errorf("%d bytes are kept", n)
	}
}

func TestRingGrowsUpToItsBound(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	write(t, p, key(0))
	const count = 5000
	for i := range count {
		write(t, p, inter(uint32(i)))
	}
	want := []string{"k0"}
	for i := range count {
		want = append(want, fmt.Sprintf("v%d", i))
	}
	check(t, sub, strings.Join(want, " "))
	for i := range 2 * maxSlots {
		write(t, p, inter(uint32(i)))
	}
	s := h.streams["cam"]
	if n := len(s.ring.Load().slots); n != maxSlots {
		t.Errorf("%d slots", n)
	}
	if n := s.head.Load() - s.tail; n > maxSlots {
		t.Errorf("%d entries", n)
	}
	check(t, sub, "")
	if n := sub.Skipped(); n != 2*maxSlots-1 {
		t.Errorf("%d skipped", n)
	}
}

func TestForgottenStreamsFreeTheirMemory(t *testing.T) {
	h := NewHub(Config{})
	freed := make(chan struct{}, 1)
	func() {
		p := publish(t, h)
		sub := h.Subscribe("cam", SubscribeOptions{})
		payload := make([]byte, 1<<20)
		runtime.AddCleanup(&payload[0], func(struct{}) { freed <- struct{}{} }, struct{}{})
		payload[0] = 0x17
		payload[1] = 1
		write(t, p, media.NewPacket(media.KindVideo, 0, payload))
		check(t, sub, "k0")
		p.Close()
		sub.Close()
	}()
	if len(h.Streams()) != 0 {
		t.Fatalf("left behind: %v", h.Streams())
	}
	for {
		runtime.GC()
		select {
		case <-freed:
			return
		default:
			runtime.Gosched()
		}
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	write(t, p, key(0))
	const runs = 1000
	for i := range runs + 1 {
		write(t, p, inter(uint32(i)))
	}
	if n := testing.AllocsPerRun(runs, func() {
		if _, ok := sub.Next(); !ok {
			t.Fatal("nothing there")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
