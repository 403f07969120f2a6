package overrtmfp_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp"
)

func TestClientPingsAsOftenAsItIsAdvised(t *testing.T) {
	for _, test := range []struct {
		advice time.Duration
		pings  int // in ten minutes
	}{
		{20 * time.Second, 30},
		{time.Minute, 10},
		{time.Second, 120}, // 5 s is the least
	} {
		t.Run(fmt.Sprint(test.advice), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				advice := overrtmfp.KeepAlive{Server: test.advice, Peers: test.advice}
				s := memory{config: overrtmfp.Config{KeepAlive: advice, NATKeepAlive: advice}}.serve(t, netconntest.NewRoom(),
					netconntest.Options{IdleTime: 24 * time.Hour, PingTimeout: time.Minute}) // the server itself asks nothing
				if _, err := s.Dial(t, netconn.ConnectOptions{App: "live"}, netconn.ClientEvents{}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				before := s.endpoint.Stats().DatagramsReceived
				time.Sleep(10 * time.Minute)
				if n := int(s.endpoint.Stats().DatagramsReceived - before); n < test.pings-1 || n > test.pings+1 {
					t.Errorf("%d packets in ten minutes, want %d", n, test.pings)
				}
			})
		})
	}
}

// A client that does not name the address at which we see it is behind a NAT, and is advised anew.
func TestClientBehindANATIsAdvisedOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := netconntest.NewRoom()
		s := memory{}.serve(t, room, netconntest.Options{})
		p := netconntest.Connected(t, s)
		seen := netconntest.Await(t, "client", room.Came).Far().Address
		p.Command(0, "setPeerInfo", 0, nil, "10.0.0.1:5000", seen)
		p.ExpectNothing()
		p.Command(0, "setPeerInfo", 0, nil, "10.0.0.1:5000")
		p.Expect("control 41 15000")
		p.ExpectNothing()
	})
}

func TestAdviceIsThatOfTheConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := overrtmfp.KeepAlive{Server: 7 * time.Second, Peers: 9 * time.Second}
		s := memory{config: overrtmfp.Config{KeepAlive: k, NATKeepAlive: k}}.serve(t, netconntest.NewRoom(), netconntest.Options{})
		p := netconntest.NewPeer(t, s)
		p.Connect()
		p.Until("0 _result 1 ")
		m := p.Receive()
		if got, want := fmt.Sprintf("%X", m.Payload), "002900001B5800002328"; got != want || m.StreamID != 0 {
			t.Errorf("advised %s on stream %d, want %s", got, m.StreamID, want)
		}
		p.Command(0, "setPeerInfo", 0, nil, "10.0.0.1:5000") // behind a NAT, where nothing else holds
		p.ExpectNothing()
	})
}
