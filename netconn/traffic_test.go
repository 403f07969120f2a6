package netconn

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestRoundTripIsMeasuredByPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f, _ := newFake(Config{})
		c.Receive(connectMessage(t))
		if c.RoundTrip() != 0 {
			t.Errorf("%v before any ping", c.RoundTrip())
		}
		time.Sleep(5 * time.Second)
		f.sent = nil
		c.Ping(time.Minute, func(bool) {})
		ping := f.sent[0]
		time.Sleep(42 * time.Millisecond)
		response := ping
		response.Payload = append([]byte{0, eventPingResponse}, ping.Payload[2:]...)
		stale := response
		stale.Payload = []byte{0, eventPingResponse, 0, 0, 0, 9}
		c.Receive(stale)
		if c.RoundTrip() != 0 {
			t.Errorf("%v after the answer to another ping", c.RoundTrip())
		}
		c.Receive(response)
		if c.RoundTrip() != 42*time.Millisecond {
			t.Errorf("the round trip is %v", c.RoundTrip())
		}
		if traffic := c.Traffic(); traffic.MessagesIn != 3 || traffic.MessagesOut < 2 || traffic.RoundTrip != 42*time.Millisecond {
			t.Errorf("traffic is %+v", traffic)
		}
		c.Closed(errCut)
	})
}

// A client that does not answer hears how it went all the same, and one that answers late is not listened to any more.
func TestBandwidthCheckOfASilentClientEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f, _ := newFake(Config{BandwidthProbe: BandwidthProbe{Unit: 1000, Time: 3 * time.Second, Most: 5}})
		c.Receive(connectMessage(t))
		c.Receive(cmd(t, 0, "checkBandwidth", 2, nil))
		f.names(t)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		sameNames(t, f)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		sameNames(t, f, "onBWDone")
		c.Receive(cmd(t, 0, "_result", 1, nil))
		sameNames(t, f)
		c.Receive(cmd(t, 0, "checkBandwidth", 3, nil))
		sameNames(t, f, "_result", "onBWCheck")
		for i := range 3 {
			c.Receive(cmd(t, 0, "_result", float64(i+2), nil))
			sameNames(t, f, "onBWCheck")
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		m := f.sent[0]
		done, err := parseCommand(m)
		if err != nil || done.name != "onBWDone" || done.arg(1) != 24.0 { // 1000 and 2000 bytes were answered
			t.Errorf("at the end %+v", done)
		}
		c.Closed(errCut)
	})
}

func TestBandwidthProbeIsSettled(t *testing.T) {
	c, f, _ := newFake(Config{BandwidthProbe: BandwidthProbe{Unit: 10, Most: 2}})
	c.Receive(connectMessage(t))
	c.Receive(cmd(t, 0, "_checkbw", 2, nil))
	f.sent = nil
	for i := range 3 {
		c.Receive(cmd(t, 0, "_error", float64(i+1), nil)) // has no such method, which is an answer
		size := len(f.sent[0].Payload)
		if want := []int{36, 46}; i < 2 && size != want[i] {
			t.Errorf("payload %d makes %d bytes", i, size)
		}
		if i < 2 {
			sameNames(t, f, "_onbwcheck")
		}
	}
	sameNames(t, f, "_onbwdone")
	c.Closed(errCut)
}
