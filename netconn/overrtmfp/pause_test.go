package overrtmfp_test

import (
	"testing"
	"testing/synctest"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/netconntest"
)

// While a question of a client is open, what it sends waits: a little here, as much as the flow's buffer has in the library, and the
// rest with the client.
func TestWhatAPausedConnectionCannotTakeWaitsAtTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls, size, buffer = 3000, 1000, 1 << 20
		room := netconntest.NewRoom()
		asked := make(chan *netconn.Reply[netconn.ConnectAnswer], 1)
		room.Connects = func(_ *netconn.Conn, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
			asked <- reply
		}
		var order []float64
		room.Calls = func(_ *netconn.Conn, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
			order = append(order, r.Args[0].(float64))
			reply.Give(netconn.CallAnswer{})
		}
		s := memory{}.serve(t, room, netconntest.Options{NetConn: netconn.Config{WaitingBytes: 10_000}})
		o := opened{server: s}
		p := netconntest.NewPeer(t, &o)
		p.Connect()
		reply := netconntest.Await(t, "question", asked)
		for i := range calls {
			p.Command(0, "f", 0, nil, float64(i), string(make([]byte, size)))
		}
		time.Sleep(3 * time.Second)
		var queued int
		o.wire.do(func() { queued = o.wire.flows[0].Queued() })
		synctest.Wait()
		if queued < calls*size-buffer-100_000 {
			t.Errorf("%d of %d bytes wait at the client", queued, calls*size)
		}
		reply.Give(room.Accept())
		p.Until("0 _result 1 ")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(order) != calls {
			t.Fatalf("%d calls came, want %d", len(order), calls)
		}
		for i, got := range order {
			if got != float64(i) {
				t.Fatalf("call %v came as number %d", got, i)
			}
		}
	})
}
