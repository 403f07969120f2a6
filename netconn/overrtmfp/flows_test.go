package overrtmfp_test

import (
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/rtmfp"
)

// connected is a client that has connected, as what it is made of.
func connected(t *testing.T, s *server) (*netconntest.Peer, *rawClient) {
	t.Helper()
	o := opened{server: s}
	p := netconntest.Connected(t, &o)
	return p, o.wire
}

// opened is a server that tells which wire it has opened.
type opened struct {
	*server
	wire *rawClient
}

func (o *opened) Open(t *testing.T) netconntest.Wire {
	o.wire = o.raw(t)
	return o.wire
}

// publishing is a client that publishes x on stream 1.
func publishing(t *testing.T, s *server) (*netconntest.Peer, *rawClient) {
	t.Helper()
	p, w := connected(t, s)
	p.CreateStream(1)
	p.Command(1, "publish", 0, nil, "x")
	p.Until("1 onStatus ")
	return p, w
}

// viewing is a client that plays x on stream 1.
func viewing(t *testing.T, s *server) (*netconntest.Peer, *rawClient) {
	t.Helper()
	p, w := connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "x")
	p.Until("1 data @0 onStatus ")
	return p, w
}

func picture(at uint32) netconn.Message {
	return netconn.Message{Type: netconn.TypeVideo, StreamID: 1, Timestamp: at, Payload: []byte{0x17, 1, 0, 0, 0, 1}}
}

// flowSync is a barrier across flows (RFC 7425 5.2).
func flowSync(id, count uint32) netconn.Message {
	payload := binary.BigEndian.AppendUint32([]byte{0, 34}, id)
	return netconn.Message{Type: netconn.TypeUserControl, Payload: binary.BigEndian.AppendUint32(payload, count)}
}

func cue(t *testing.T, at uint32, name string) netconn.Message {
	t.Helper()
	payload, err := amf.Append0(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	return netconn.Message{Type: netconn.TypeDataAMF0, StreamID: 1, Timestamp: at, Payload: payload}
}

func TestBarrierOfAFarEndIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory{}.serve(t, netconntest.NewRoom(), netconntest.Options{})
		_, w := publishing(t, s)
		p, _ := viewing(t, s)
		var data, video *rtmfp.SendFlow
		w.do(func() {
			data, video = w.OpenFlow(1), w.OpenFlow(1)
			w.Put(video, picture(0))
			w.Put(video, flowSync(7, 2))
			w.Put(video, picture(40))
		})
		p.Expect("1 video @0 170100000001")
		time.Sleep(time.Second)
		p.ExpectNothing() // the other flow has not come to the barrier

		w.do(func() {
			w.Put(data, cue(t, 20, "before"))
			w.Put(data, flowSync(7, 2))
			w.Put(data, cue(t, 50, "after"))
		})
		p.Expect("1 data @20 before", "1 data @50 after", "1 video @40 170100000001")
		w.do(func() {
			w.Put(video, flowSync(7, 1)) // alone, it waits for nobody
			w.Put(video, picture(80))
		})
		p.Expect("1 video @80 170100000001")
		p.ExpectNothing()
	})
}

// A flow that ends is waited for no more.
func TestBarrierOpensWhenTooFewFlowsAreLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory{}.serve(t, netconntest.NewRoom(), netconntest.Options{})
		_, w := publishing(t, s)
		p, _ := viewing(t, s)
		var data, video *rtmfp.SendFlow
		w.do(func() {
			data, video = w.OpenFlow(1), w.OpenFlow(1)
			w.Put(data, cue(t, 0, "here"))
			w.Put(video, flowSync(7, 4)) // control, commands, data, video
			w.Put(video, picture(40))
		})
		p.Expect("1 data @0 here")
		p.ExpectNothing()
		w.do(data.Close)
		p.Expect("1 video @40 170100000001")
	})
}

func TestFlowsWithoutAPlaceAreRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory{}.serve(t, netconntest.NewRoom(), netconntest.Options{})
		p, w := connected(t, s)
		p.CreateStream(1)
		before := s.front.Stats().FlowsRejected.Load()
		for name, c := range map[string]rtmfp.FlowConfig{
			"a stream that does not exist":    {Metadata: metadataOf(5), Return: w.Control},
			"a stream of no connection":       {Metadata: metadataOf(1)},
			"another connection":              {Metadata: metadataOf(0)},
			"no metadata":                     {Return: w.Control},
			"another signature":               {Metadata: []byte("GC\x04\x00"), Return: w.Control},
			"no stream in the metadata":       {Metadata: []byte("TC\x00\x00"), Return: w.Control},
			"a stream of more than 24 bits":   {Metadata: metadataOf(1 << 24), Return: w.Control},
			"a number that ends in the midst": {Metadata: []byte("TC\x04\x81"), Return: w.Control},
		} {
			ended := make(chan error, 1)
			c.Handler = rtmfp.SendFuncs{OnEnded: func(_ *rtmfp.SendFlow, err error) { ended <- err }}
			w.do(func() {
				f, err := w.session.OpenFlow(c)
				if err != nil {
					ended <- err
					return
				}
				w.Put(f, cue(t, 0, "hello"))
			})
			var exception *rtmfp.ExceptionError
			if err := netconntest.Await(t, "exception", ended); !errors.As(err, &exception) || exception.Code != 0 {
				t.Errorf("%s: ended with %v, want exception 0", name, err)
			}
		}
		if n := s.front.Stats().FlowsRejected.Load() - before; n != 8 {
			t.Errorf("%d flows counted, want 8", n)
		}
		p.ExpectNothing() // and the connection goes on
	})
}

// The protocol control messages of the chunk stream, and aggregates, mean nothing here (RFC 7425 5.1).
func TestMessagesWithoutAMeaningAreIgnoredAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory{}.serve(t, netconntest.NewRoom(), netconntest.Options{})
		p, w := publishing(t, s)
		viewer, _ := viewing(t, s)
		all := []uint8{1, 2, 3, 5, 6, 22}
		for _, kind := range all {
			p.Send(netconn.Message{Type: kind, Payload: []byte{0, 0, 0, 1, 2}})
			p.Send(netconn.Message{Type: kind, StreamID: 1, Payload: picture(0).Payload})
		}
		w.do(func() {
			_, _ = w.flows[0].Send(rtmfp.Outgoing{Body: []byte{20, 0, 0}}) // shorter than a header
			_, _ = w.flows[0].Send(rtmfp.Outgoing{})
		})
		p.ExpectNothing()
		viewer.ExpectNothing()
		if n, want := s.front.Stats().Ignored.Load(), uint64(2*len(all)+2); n != want {
			t.Errorf("%d messages counted, want %d", n, want)
		}
		p.Send(picture(40))
		viewer.Expect("1 video @40 170100000001")
	})
}

// A client with more flows than anybody needs loses its connection. Others notice nothing.
func TestTooManyFlowsEndTheConnectionOfWhoOpensThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := netconntest.NewRoom()
		s := memory{}.serve(t, room, netconntest.Options{})
		other, _ := connected(t, s)
		netconntest.Await(t, "client", room.Came)
		_, w := connected(t, s)
		c := netconntest.Await(t, "client", room.Came)
		w.do(func() {
			for range 10_000 {
				f, err := w.session.OpenFlow(rtmfp.FlowConfig{Metadata: metadataOf(0), Return: w.Control})
				if err != nil {
					return
				}
				w.Put(f, netconn.Message{Type: netconn.TypeUserControl, Payload: make([]byte, 6)})
			}
		})
		if gone := netconntest.Await(t, "end of the client", room.Gone); gone != c {
			t.Error("another client has gone")
		}
		synctest.Wait()
		if n := s.front.Stats().Abused.Load(); n != 1 {
			t.Errorf("%d connections ended for abuse, want 1", n)
		}
		other.CreateStream(1)
		other.ExpectNothing()
	})
}
