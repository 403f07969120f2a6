package netconn

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/media"
	"afterglow/streams"
)

// limited plays x, of which there is more than the client may have in a moment.
func limited(t *testing.T, b Bandwidth) (*Conn, *fakeTransport, *atomic.Int64) {
	c, f, h := newFake(Config{})
	h.hub = streams.NewHub(streams.Config{CacheBytes: 10 << 20})
	p, err := h.hub.Publish("x", streams.Claim{})
	if err != nil {
		t.Fatal(err)
	}
	c.Receive(connectMessage(t))
	c.Receive(cmd(t, 0, "createStream", 2, nil))
	c.SetBandwidth(b)
	c.Receive(cmd(t, 1, "play", 0, nil, "x"))
	_ = p.Write(media.NewPacket(media.KindVideo, 0, append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 995)...)))
	for i := range 100 {
		_ = p.Write(media.NewPacket(media.KindVideo, uint32(i), append([]byte{0x27, 1, 0, 0, 0}, make([]byte, 995)...)))
	}
	got := new(atomic.Int64)
	f.pulled = func() {
		for _, o := range f.pull() {
			if o.Packet != nil {
				got.Add(int64(len(o.Packet.Payload)))
			}
		}
	}
	return c, f, got
}

func TestPlayersKeepToTheBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f, got := limited(t, Bandwidth{ToClient: 10_000})
		f.pulled()
		if got.Load() < 5_000 || got.Load() > 7_000 { // half a second, and one packet beyond it
			t.Errorf("%d bytes at once", got.Load())
		}
		for i := 1; i <= 5; i++ {
			before := got.Load()
			time.Sleep(time.Second)
			synctest.Wait()
			if n := got.Load() - before; n < 9_000 || n > 11_000 {
				t.Errorf("%d bytes in second %d", n, i)
			}
		}
		f.names(t)
		if err := c.Call("tell", nil); err != nil {
			t.Fatal(err)
		}
		sameNames(t, f, "tell") // which does not wait
		c.SetBandwidth(Bandwidth{})
		if got.Load() != 101_000 || c.Bandwidth() != (Bandwidth{}) {
			t.Errorf("%d bytes without a limit", got.Load())
		}
		if traffic := c.Traffic(); traffic.MessagesOut < 101 {
			t.Errorf("%d messages sent", traffic.MessagesOut)
		}
		c.Closed(errCut)
	})
}

func TestThrottledPlayerEndsWithItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f, got := limited(t, Bandwidth{ToClient: 1000})
		f.pulled()
		c.Closed(errCut)
		var pulls atomic.Int32
		f.pulled = func() { pulls.Add(1) }
		synctest.Wait()
		time.Sleep(time.Minute)
		if pulls.Load() > 0 || got.Load() == 0 {
			t.Error("pulls after the end")
		}
	})
}

func TestClientThatSendsTooFastIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f, _ := newFake(Config{})
		c.Receive(connectMessage(t))
		c.SetBandwidth(Bandwidth{ToServer: 10_000})
		if c.Bandwidth().ToServer != 10_000 {
			t.Errorf("the limit is %+v", c.Bandwidth())
		}
		f.names(t)
		message := cmd(t, 0, "echo", 2, nil, string(make([]byte, 900)))
		begun, sent, paused := time.Now(), 0, 0
		for time.Since(begun) < 10*time.Second {
			f.resumed = 0
			sent += len(message.Payload) + messageOverhead
			if c.Receive(message) {
				continue
			}
			paused++
			for f.resumes() == 0 {
				time.Sleep(time.Millisecond)
				synctest.Wait()
			}
		}
		if sent < 100_000 || sent > 108_000 || paused < 50 {
			t.Errorf("%d bytes were taken in 10 s, with %d pauses", sent, paused)
		}
		if answers := len(f.names(t)); answers != sent/(len(message.Payload)+messageOverhead) {
			t.Errorf("%d answers", answers)
		}
		for c.Receive(message) {
		}
		c.SetBandwidth(Bandwidth{}) // which lets it go on
		if f.resumes() == 0 || !c.Receive(message) {
			t.Error("still held back")
		}
		for range 100 {
			if !c.Receive(message) {
				t.Fatal("held back without a limit")
			}
		}
		c.Closed(errCut)
	})
}
