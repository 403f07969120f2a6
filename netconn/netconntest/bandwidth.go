package netconntest

import (
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
)

func init() {
	addVirtual("PlayersKeepToTheirBandwidth", playersBandwidth)
	addVirtual("SendersKeepToTheirBandwidth", sendersBandwidth)
	addVirtual("TrafficIsCounted", trafficIsCounted)
}

// A picture of 100 kB takes a client with 10 kB/s some ten seconds; a call does not wait for it.
func playersBandwidth(t *testing.T, h Harness) {
	room := NewRoom()
	s := h.Serve(t, room, Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	Await(t, "publisher", room.Came)
	screen, _ := Player(t, s, netconn.ConnectOptions{App: "live"}, "x")
	c := Await(t, "player", room.Came)
	c.SetBandwidth(netconn.Bandwidth{ToClient: 10_000})
	packets := []*media.Packet{keyframe(0, 1000)}
	for i := range uint32(99) {
		packets = append(packets, interframe(i, 1000))
	}
	Write(t, pub, packets...)
	time.Sleep(2 * time.Second)
	if n := len(screen.content()); n < 20 || n > 30 {
		t.Errorf("%d kB in 2 s", n)
	}
	time.Sleep(5 * time.Second)
	if n := len(screen.content()); n < 70 || n > 80 {
		t.Errorf("%d kB in 7 s", n)
	}
	c.SetBandwidth(netconn.Bandwidth{})
	time.Sleep(time.Second)
	screen.Shows(t, packets...)
}

func sendersBandwidth(t *testing.T, h Harness) {
	room := NewRoom()
	desk(room)
	p := Connected(t, h.Serve(t, room, Options{}))
	c := Await(t, "client", room.Came)
	c.SetBandwidth(netconn.Bandwidth{ToServer: 10_000})
	begun := time.Now()
	for range 50 {
		p.Call("nothing", string(make([]byte, 1000)))
	}
	for range 50 {
		p.Receive()
	}
	if took := time.Since(begun); took < 4*time.Second || took > 6*time.Second {
		t.Errorf("50 kB took %v", took)
	}
	c.SetBandwidth(netconn.Bandwidth{})
	p.ExpectNothing()
}

func trafficIsCounted(t *testing.T, h Harness) {
	room := NewRoom()
	desk(room)
	s := h.Serve(t, room, Options{})
	client := dial(t, s, netconn.ConnectOptions{App: "live"})
	c := Await(t, "client", room.Came)
	for range 10 {
		if _, err := client.Call(soon(t), "echo", amf.Value("0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	pinged := make(chan bool, 1)
	c.Ping(time.Minute, func(alive bool) { pinged <- alive })
	if !Await(t, "answer to a ping", pinged) {
		t.Error("the client does not answer")
	}
	time.Sleep(3 * time.Second)
	synctest.Wait()
	got := c.Traffic()
	if got.MessagesIn < 11 || got.MessagesOut < 11 || got.BytesIn < 300 || got.BytesOut < 300 {
		t.Errorf("traffic is %+v", got)
	}
	if got.MessagesDropped+got.QueuedData.Bytes+got.QueuedAudio.Messages != 0 {
		t.Errorf("something waits or was dropped: %+v", got)
	}
	if rtt := c.RoundTrip(); rtt < 0 || rtt > time.Second || rtt == 0 && !s.Manner().Lanes {
		t.Errorf("the round trip is %v", rtt)
	}
}
