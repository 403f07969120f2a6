package overrtmfp_test

import (
	"bytes"
	"context"
	"math"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// badServer is a server that is made of nothing but RTMFP and means no good. All of it belongs to the shard of its session.
type badServer struct {
	session *rtmfp.Session
	theirs  *rtmfp.ReceiveFlow // the client's control flow
	own     *rtmfp.SendFlow
	// before and after are what it does before it answers connect, and behind that; takes looks at each flow of the client's.
	before, after func(*badServer)
	takes         func(*badServer, *rtmfp.ReceiveFlow)
	silent        bool
	answer        func(method string, transaction float64) []byte
}

func (b *badServer) open(metadata []byte) *rtmfp.SendFlow {
	f, err := b.session.OpenFlow(rtmfp.FlowConfig{Metadata: metadata, Return: b.theirs})
	if err != nil {
		return nil
	}
	return f
}

func (b *badServer) flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	if b.theirs == nil {
		b.session, b.theirs = f.Session(), f
	}
	if b.takes != nil {
		b.takes(b, f)
	}
	return rtmfp.FlowFuncs{OnMessage: func(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
		values, err := amf.Decode0(m.Data[5:], nil)
		if m.Data[0] != netconn.TypeCommandAMF0 || err != nil || len(values) < 2 || b.silent {
			return
		}
		method, _ := values[0].(string)
		transaction, _ := values[1].(float64)
		b.asked(f, method, transaction)
	}}
}

func (b *badServer) asked(f *rtmfp.ReceiveFlow, method string, transaction float64) {
	if method == "connect" {
		if b.before != nil {
			b.before(b)
		}
		b.own = b.open(metadataOf(0))
		say(b.own, command("_result", transaction, nil, amf.NewObject(amf.Property{Name: "code", Value: string(netconn.ConnectSuccess)})))
		if b.after != nil {
			b.after(b)
		}
		return
	}
	if b.answer != nil {
		say(b.own, b.answer(method, transaction))
		return
	}
	say(b.own, command("_result", transaction, nil, 1.0))
}

// status is an onStatus.
func onStatus(code netconn.Code) []byte {
	return command("onStatus", 0, nil, amf.NewObject(amf.Property{Name: "code", Value: string(code)}, amf.Property{Name: "level", Value: "status"}))
}

// serves has a client use the server for some seconds, and leave. None of that may hang.
func (b *badServer) serves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := simnet.Start(1)
		t.Cleanup(live.Close)
		host := live.NewHost(netip.MustParseAddrPort("192.0.2.1:1935"))
		endpoint, err := rtmfp.Listen(t.Context(), rtmfp.Config{
			Crypto: flash.Profile{}, Addresses: []string{":0"}, Sockets: live.Sockets(host), Shards: 1, Identity: identity(t, true),
			Listener: rtmfp.Listener{Accept: func(*rtmfp.Session) rtmfp.SessionHandler { return rtmfp.SessionFuncs{OnFlow: b.flow} }},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = endpoint.Close() })
		own := live.NewHost(netip.MustParseAddrPort("198.51.100.1:5000"))
		live.Do(func() { own.SetLinks(simnet.Conditions{Delay: 10 * time.Millisecond}) })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		begun := time.Now()
		c, err := overrtmfp.Dial(ctx, "rtmfp://localhost/live", overrtmfp.DialOptions{
			Identity: identity(t, false), Addresses: endpoint.Addrs(), Log: quiet,
			Listen: rtmfp.Config{Addresses: []string{":0"}, Sockets: live.Sockets(own)},
		})
		if err == nil {
			useOf(t, c)
			c.Close()
			<-c.Ended()
			<-c.Done()
		}
		if took := time.Since(begun); took > 2*time.Minute {
			t.Errorf("all that has taken %v", took)
		}
	})
}

// useOf does what clients do, each with little patience.
func useOf(t *testing.T, c *overrtmfp.Client) {
	patience := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		t.Cleanup(cancel)
		return ctx
	}
	for range 2 {
		_, _ = c.Call(patience(), "x", 1.0)
		if s, err := c.CreateStream(patience(), netconn.StreamEvents{Packet: func(*media.Packet) {}}); err == nil {
			if s.Publish(patience(), "x", "live") == nil {
				for range 10 {
					_ = s.Write(patience(), media.NewPacket(media.KindVideo, 0, make([]byte, 300_000)))
				}
			}
			_ = s.Play(patience(), "y", netconn.PlayLive, -1)
			_ = s.Unpublish(patience(), "x")
		}
		_ = c.SetPeerInfo("203.0.113.1:1935")
		_, _ = c.PlayDirect(patience(), numbered(1), "x", netconn.StreamEvents{})
	}
}

func TestClientsSurviveBadServers(t *testing.T) {
	flood := func(b *badServer) {
		for id := range uint32(50) {
			for _, m := range [][]byte{onStatus(netconn.PublishStart), command("close?", 7, nil), message(8, 0xAF, 1), message(9, 0x17), nil, {20}, message(20)} {
				say(b.open(metadataOf(id)), m)
			}
			say(b.open([]byte{byte(id)}), []byte("x"))
		}
	}
	controls := func(b *badServer) {
		for _, v := range []uint32{0, 1, 4999, math.MaxInt32, math.MaxUint32} {
			say(b.own, userControl(41, v, v))
			say(b.own, userControl(41, v))
			say(b.own, userControl(6, v))
			say(b.own, userControl(34, v, 1))
			say(b.own, userControl(uint16(v), v, v, v))
		}
		say(b.own, userControl(41))
	}
	servers := map[string]badServer{
		"who says nothing":            {silent: true},
		"who open flows first":        {before: flood},
		"who open flows":              {after: flood},
		"with user control":           {after: controls},
		"with a barrier":              {after: func(b *badServer) { say(b.own, userControl(34, 1, 5)) }},
		"who close":                   {after: func(b *badServer) { b.own.Close() }},
		"who answer and close":        {after: func(b *badServer) { b.session.Close() }},
		"who reject the control flow": {after: func(b *badServer) { b.theirs.Reject(1) }},
		"who reject at once":          {takes: func(_ *badServer, f *rtmfp.ReceiveFlow) { f.Reject(1) }},
		"who reject streams": {takes: func(b *badServer, f *rtmfp.ReceiveFlow) {
			if f != b.theirs {
				f.Reject(1)
			}
		}},
		"who take nothing": {after: func(b *badServer) { b.theirs.SetCapacity(0); b.theirs.Pause() }},
		"who ask": {after: func(b *badServer) {
			for i := range 20_000 {
				say(b.own, command("method", float64(i), nil, "?"))
			}
		}},
		"who talk rubbish": {after: func(b *badServer) { say(b.own, message(20, 0x0A, 0xFF, 0xFF, 0xFF, 0xFF)) }},
		"who talk long":    {after: func(b *badServer) { say(b.own, message(20, bytes.Repeat([]byte{5}, 15<<20)...)) }},
		"who answer what was not asked": {answer: func(method string, transaction float64) []byte {
			return command("_result", transaction+1, nil, method)
		}},
		"with absurd streams": {answer: func(_ string, transaction float64) []byte {
			return command("_result", transaction, nil, []float64{0, -1, math.NaN(), 1e300, 1 << 24, math.MaxUint32}[int(transaction)%6])
		}},
		"who agree to everything": {answer: func(_ string, transaction float64) []byte {
			return bytes.Join([][]byte{command("_result", transaction, nil, 1.0)}, nil)
		}, takes: func(b *badServer, f *rtmfp.ReceiveFlow) {
			if f != b.theirs {
				id, _, _ := wire.ParseVLU(f.Metadata()[3:])
				g := b.open(metadataOf(uint32(id)))
				say(g, onStatus(netconn.PublishStart))
				say(g, onStatus(netconn.PlayStart))
				say(g, message(9, append([]byte{0x17}, make([]byte, 1<<20)...)...))
			}
		}},
	}
	for name, b := range servers {
		t.Run(name, b.serves)
	}
}
