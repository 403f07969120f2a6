package streams

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestSlowSubscriberSkipsToTheNewestKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Config{MaxLag: 10 * time.Second})
		p := publish(t, h)
		defer p.Close()
		slow := h.Subscribe("cam", SubscribeOptions{})
		defer slow.Close()
		quick := h.Subscribe("cam", SubscribeOptions{})
		defer quick.Close()
		write(t, p, videoConfig(0), key(0), inter(40))
		check(t, slow, "V0 k0 v40")
		check(t, quick, "V0 k0 v40")
		write(t, p, inter(80), audio(90), data(100), key(120), videoConfig(125), audio(130), data(140))
		time.Sleep(10*time.Second + 1)
		write(t, p, key(160), inter(200))
		check(t, slow, "d100 V125 d140 k160 v200")
		if n := slow.Skipped(); n != 4 { // v80 a90 k120 a130
			t.Errorf("%d skipped", n)
		}
		write(t, p, inter(240))
		check(t, slow, "v240")
		s := h.Stats()
		if s.Skips.Load() != 1 || s.Skipped.Load() != 4 || s.LostKept.Load() != 0 {
			t.Errorf("skips %d, skipped %d, lost %d", s.Skips.Load(), s.Skipped.Load(), s.LostKept.Load())
		}
		if quick.Skipped() != 0 {
			t.Error("the quick one skipped")
		}
	})
}

func TestSubscriberAtThePermittedLagIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Config{MaxLag: 10 * time.Second})
		p := publish(t, h)
		defer p.Close()
		sub := h.Subscribe("cam", SubscribeOptions{})
		defer sub.Close()
		write(t, p, key(0), inter(40))
		time.Sleep(10 * time.Second)
		write(t, p, key(80))
		check(t, sub, "k0 v40 k80")
	})
}

func TestWhatIsKeptForSkippersIsBoundedAndCounted(t *testing.T) {
	tests := []struct {
		name   string
		config Config
		want   string
		lost   uint64
	}{
		{"messages", Config{KeptMessages: 3}, "d7 d8 d9 k10", 7},
		{"bytes", Config{KeptBytes: 8}, "d8 d9 k10", 8},
		{"one is kept whatever its size", Config{KeptBytes: 1}, "d9 k10", 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.config.MaxLag = time.Second
				h := NewHub(tt.config)
				p := publish(t, h)
				defer p.Close()
				sub := h.Subscribe("cam", SubscribeOptions{})
				defer sub.Close()
				check(t, sub, "")
				for i := range 10 {
					write(t, p, data(uint32(i)), inter(uint32(i)))
				}
				time.Sleep(2 * time.Second)
				write(t, p, key(10))
				check(t, sub, tt.want)
				s := h.Stats()
				if s.LostKept.Load() != tt.lost || sub.Skipped() != 10 {
					t.Errorf("lost %d, skipped %d", s.LostKept.Load(), sub.Skipped())
				}
			})
		})
	}
}

// Messages behind the place where a skipper goes on are still in the ring, so they are not lost.
func TestOnlyMessagesInTheGapCountAsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Config{KeptMessages: 2, MaxLag: time.Second})
		p := publish(t, h)
		defer p.Close()
		sub := h.Subscribe("cam", SubscribeOptions{})
		defer sub.Close()
		check(t, sub, "")
		write(t, p, data(0), inter(1))
		time.Sleep(2 * time.Second)
		write(t, p, key(2), data(3), data(4), data(5))
		check(t, sub, "k2 d3 d4 d5")
		s := h.Stats()
		if s.LostKept.Load() != 1 || sub.Skipped() != 1 {
			t.Errorf("lost %d, skipped %d", s.LostKept.Load(), sub.Skipped())
		}
	})
}

func TestSkippingWithoutAKeyframeGoesToTheNewestPacket(t *testing.T) {
	h := NewHub(Config{CacheBytes: 300})
	p := publish(t, h)
	defer p.Close()
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	write(t, p, videoConfig(0), key(0))
	check(t, sub, "V0 k0")
	for i := range 20 {
		write(t, p, sized(inter(uint32(i)), 50), sized(audio(uint32(i)), 50))
	}
	check(t, sub, "a19")
	if n := sub.Skipped(); n != 39 {
		t.Errorf("%d skipped", n)
	}
	write(t, p, inter(20), audio(20), key(21), inter(22))
	check(t, sub, "a20 k21 v22")
}
