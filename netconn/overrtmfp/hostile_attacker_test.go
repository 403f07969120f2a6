package overrtmfp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/wire"
)

// attacker has a session with the server.
type attacker struct {
	t        *testing.T
	siege    *siege
	endpoint *rtmfp.Endpoint
	session  *rtmfp.Session
	forge    *forger

	// What belongs to the session's shard.
	own     *rtmfp.SendFlow
	control *rtmfp.ReceiveFlow
	flows   []*rtmfp.ReceiveFlow
	streams map[uint32]*rtmfp.SendFlow
	muted   []uint64 // flows of the server's that are never acknowledged, once mutes was called
	// takes, if not nil, looks at each flow of the server's that opens, and at each message.
	takes func(f *rtmfp.ReceiveFlow, messageType uint8)

	mu    sync.Mutex
	came  []netconn.Message
	err   error
	ended bool
}

// attacker opens a session.
func (s *siege) attacker() *attacker {
	s.t.Helper()
	s.attackers++
	a := &attacker{t: s.t, siege: s, forge: new(forger), streams: make(map[uint32]*rtmfp.SendFlow)}
	var err error
	a.endpoint, err = rtmfp.Listen(s.t.Context(), rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{":0"}, Sockets: s.live.Sockets(s.near()), Shards: 1, Log: quiet,
		Identity: &forgingIdentity{identity(s.t, false), a.forge},
		Limits:   rtmfp.Limits{ReceiveFlows: 1 << 20},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = a.endpoint.Close() })
	a.session, err = a.endpoint.Dial(s.t.Context(), rtmfp.DialConfig{
		Discriminator: flash.Discriminator{Ancillary: []byte("rtmfp://localhost/live")}.Append(nil), Addresses: s.endpoint.Addrs(),
		Handler: rtmfp.SessionFuncs{OnFlow: a.flow, OnClosed: a.closed},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (a *attacker) closed(_ *rtmfp.Session, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err, a.ended = err, true
}

func (a *attacker) flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	a.flows = append(a.flows, f)
	id, _, _ := wire.ParseVLU(f.Metadata()[3:])
	if a.control == nil && id == 0 {
		a.control = f
	}
	return rtmfp.FlowFuncs{OnMessage: func(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
		if a.takes != nil {
			a.takes(f, m.Data[0])
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.came) == 10_000 {
			a.came = slices.Clone(a.came[5_000:])
		}
		a.came = append(a.came, netconn.Message{Type: m.Data[0], StreamID: uint32(id), Payload: bytes.Clone(m.Data[5:min(len(m.Data), 1000)])})
	}}
}

// do runs f on the session's shard, and waits for it.
func (a *attacker) do(f func()) {
	done := make(chan struct{})
	if a.session.Do(func() { f(); close(done) }) {
		<-done
	}
}

// open opens a flow, within do; nil when the session has ended.
func (a *attacker) open(metadata []byte, answers *rtmfp.ReceiveFlow) *rtmfp.SendFlow {
	f, err := a.session.OpenFlow(rtmfp.FlowConfig{Metadata: metadata, Return: answers})
	if err != nil {
		return nil
	}
	return f
}

// say puts bytes on a flow, within do.
func say(f *rtmfp.SendFlow, b []byte) {
	if f != nil {
		_, _ = f.Send(rtmfp.Outgoing{Body: b})
	}
}

// says puts messages on the control flow, which it opens if need be.
func (a *attacker) says(messages ...[]byte) {
	a.do(func() {
		if a.own == nil {
			a.own = a.open(metadataOf(0), nil)
		}
		for _, b := range messages {
			say(a.own, b)
		}
	})
}

// on puts messages on the flow of a stream, which it opens if need be.
func (a *attacker) on(streamID uint32, messages ...[]byte) {
	a.do(func() {
		f := a.streams[streamID]
		if f == nil || !f.IsOpen() {
			f = a.open(metadataOf(streamID), a.control)
			a.streams[streamID] = f
		}
		for _, b := range messages {
			say(f, b)
		}
	})
}

// message is an RTMP message in a flow.
func message(messageType uint8, payload ...byte) []byte {
	return append([]byte{messageType, 0, 0, 0, 0}, payload...)
}

func command(name string, transaction float64, values ...amf.Value) []byte {
	payload, err := amf.Append0(nil, append([]amf.Value{name, transaction}, values...)...)
	if err != nil {
		panic(err)
	}
	return message(netconn.TypeCommandAMF0, payload...)
}

func connecting() []byte {
	return command("connect", 1, amf.NewObject(amf.Property{Name: "app", Value: "live"}, amf.Property{Name: "tcUrl", Value: "rtmfp://localhost/live"}))
}

// eventually waits in virtual time.
func (a *attacker) eventually(what string, ready func() bool) {
	a.t.Helper()
	for range 6000 {
		if ready() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	a.t.Fatal(what, "does not happen")
}

// hears waits for a command.
func (a *attacker) hears(name string, transaction float64) {
	a.t.Helper()
	want := command(name, transaction)[5:]
	a.eventually(name, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, m := range a.came {
			if m.Type == netconn.TypeCommandAMF0 && bytes.HasPrefix(m.Payload, want) {
				return true
			}
		}
		return false
	})
}

// connects has the attacker connect as everybody does.
func (a *attacker) connects() *attacker {
	a.t.Helper()
	a.says(connecting())
	a.hears("_result", 1)
	return a
}

// plays has it play on stream 1.
func (a *attacker) plays(name string) *attacker {
	a.t.Helper()
	a.says(command("createStream", 2, nil))
	a.hears("_result", 2)
	a.on(1, command("play", 0, nil, name))
	a.hears("onStatus", 0)
	return a
}

// alive fails unless the server still answers.
func (a *attacker) alive() {
	a.t.Helper()
	a.says(command("getStreamLength", 777, nil, "x"))
	a.hears("_result", 777)
}

// settled waits until the server has taken everything.
func (a *attacker) settled() {
	a.t.Helper()
	a.eventually("delivery", func() bool {
		queued := 0
		a.do(func() { queued = a.session.Queued() })
		return queued == 0
	})
}

// mutes has the attacker acknowledge nothing of the flows in muted.
func (a *attacker) mutes() {
	a.do(func() { a.forge.ack = func(ack *wire.Ack) bool { return !slices.Contains(a.muted, ack.FlowID) } })
}

// isEnded waits for the server to end the session.
func (a *attacker) isEnded() {
	a.t.Helper()
	a.eventually("the end", a.isGone)
}

func (a *attacker) isGone() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ended
}

// leaves ends the session in good order.
func (a *attacker) leaves() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = a.endpoint.Shutdown(ctx)
}

// userControl is a user control event with fields of 32 bits.
func userControl(event uint16, fields ...uint32) []byte {
	b := binary.BigEndian.AppendUint16(nil, event)
	for _, v := range fields {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return message(netconn.TypeUserControl, b...)
}
