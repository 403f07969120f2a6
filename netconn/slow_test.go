package netconn

import (
	"testing"

	"afterglow/media"
	"afterglow/streams"
)

// A player that misses media is told once, before what it gets next, and not for each gap.
func TestPlayerThatFallsBehindIsWarnedOnce(t *testing.T) {
	c, f, h := newFake(Config{})
	h.hub = streams.NewHub(streams.Config{CacheBytes: 1000})
	p, err := h.hub.Publish("x", streams.Claim{})
	if err != nil {
		t.Fatal(err)
	}
	c.Receive(connectMessage(t))
	c.Receive(cmd(t, 0, "createStream", 2, nil))
	c.Receive(cmd(t, 1, "play", 0, nil, "x"))
	f.pull()
	warnings, packets := 0, 0
	for range 3 {
		for i := range 20 { // more than the stream keeps
			_ = p.Write(media.NewPacket(media.KindAudio, uint32(i), append([]byte{0xAF, 1}, make([]byte, 100)...)))
		}
		out := f.pull()
		for i, o := range out {
			if o.Message == nil {
				packets++
				continue
			}
			warnings++
			if s := statusOfMessage(t, *o.Message); s.Code != PlayInsufficientBW || s.Level != LevelWarning {
				t.Errorf("told %v", s)
			}
			if i == len(out)-1 {
				t.Error("nothing follows the warning")
			}
		}
	}
	if warnings != 1 {
		t.Errorf("%d warnings, want 1", warnings)
	}
	if dropped := c.Traffic().MessagesDropped; dropped != uint64(3*20-packets) || dropped == 0 {
		t.Errorf("%d messages count as dropped, and %d came", dropped, packets)
	}
}

func statusOfMessage(t *testing.T, m Message) Status {
	t.Helper()
	cmd, err := parseCommand(m)
	if err != nil {
		t.Fatal(err)
	}
	return parseStatus(cmd.arg(0))
}
