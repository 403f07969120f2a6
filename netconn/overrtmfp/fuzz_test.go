package overrtmfp_test

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
	"afterglow/streams"
)

func FuzzMetadata(f *testing.F) {
	for _, b := range [][]byte{metadataOf(0), metadataOf(1<<24 - 1), metadataOf(1 << 24), {'T', 'C', 5, 1, 9, 9}, []byte("TC"), []byte("GC\x04\x00")} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again, id, err := overrtmfp.ParseMetadata(b)
		if err != nil {
			return
		}
		if id >= 1<<24 {
			t.Errorf("% X is of stream %d", b, id)
		}
		if _, same, err := overrtmfp.ParseMetadata(again); err != nil || same != id {
			t.Errorf("% X is % X again, of stream %d: %v", b, again, same, err)
		}
	})
}

func FuzzUserControlEvent(f *testing.F) {
	f.Add([]byte{0, 41, 0, 0, 0x4E, 0x20, 0, 0, 0x4E, 0x20})
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, first, second := overrtmfp.Event(b)
		if whole := userControl(kind, first, second)[5:]; len(b) >= len(whole) && !bytes.Equal(whole, b[:len(whole)]) {
			t.Errorf("% X is % X", b, whole)
		}
	})
}

func FuzzParseURL(f *testing.F) {
	for _, raw := range []string{"rtmfp://h/app", "rtmfp://[::1]:1/a/b/c?d=e", "rtmfp://h/a?b#c?d", "rtmfp://h", "rtmfp:///x", "rtmfp://h/%zz", "rtmp://h/a"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := overrtmfp.ParseURL(raw)
		if err != nil {
			return
		}
		if u.Host == "" || !strings.HasPrefix(u.TCURL, "rtmfp://") || !strings.HasSuffix(u.TCURL, u.App) {
			t.Errorf("%q is %+v", raw, u)
		}
	})
}

// FuzzConnection has a client with a connection do what the input says with flows, messages and acknowledgements, while somebody
// publishes. The server's books must agree all the time, and nothing may be left in the end.
func FuzzConnection(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		b := make([]byte, 200)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		synctest.Test(t, func(t *testing.T) { fuzzConnection(t, b[:min(len(b), 2000)]) })
	})
}

func fuzzConnection(t *testing.T, script []byte) {
	s := &siege{stage: &stage{t: t, live: simnet.Start(1), room: netconntest.NewRoom()}}
	t.Cleanup(s.live.Close)
	s.room.Delivery = netconn.Delivery{Mode: netconn.WriteOff}
	s.host = s.live.NewHost(netip.MustParseAddrPort("192.0.2.1:1935"))
	limits := overrtmfp.Limits{ControlBytes: 64 << 10, QueueBytes: 256 << 10, QueueTime: 5 * time.Second}
	s.front = overrtmfp.NewServer(tardy{s.room}, overrtmfp.Config{Limits: limits, NetConn: netconn.Config{WaitingBytes: 300}}, quiet)
	var err error
	s.endpoint, err = rtmfp.Listen(t.Context(), rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{":0"}, Sockets: s.live.Sockets(s.host), Shards: 1,
		Identity: identity(t, true), Listener: s.front.Listener(), Introducer: s.front,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.leave)
	p := &scripted{attacker: s.attacker().connects(), script: script}
	p.begins()
	for len(p.script) > 0 && !p.isGone() {
		p.step()
		if err := s.front.Check(); err != nil {
			t.Fatal(err)
		}
		if held := s.holds(p.attacker); held.Queued > limits.QueueBytes+limits.ControlBytes+100_000 || held.Buffered > 33<<20 {
			t.Fatalf("%+v", held)
		}
	}
	if p.publisher != nil {
		p.publisher.Close()
	}
	time.Sleep(30 * time.Second)
	if err := s.front.Check(); err != nil {
		t.Fatal(err)
	}
	p.do(p.session.Close)
	time.Sleep(2 * time.Second)
	if n := s.front.Sessions(); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	if n := s.room.Hub.Stats().Subscribers.Load(); n != 0 {
		t.Errorf("%d subscribers are left", n)
	}
}

// tardy takes its time with plays, which other messages wait for.
type tardy struct{ *netconntest.Room }

func (r tardy) Play(c *netconn.Conn, q netconn.PlayRequest, reply *netconn.Reply[netconn.PlayAnswer]) {
	time.AfterFunc(300*time.Millisecond, func() { r.Room.Play(c, q, reply) })
}

// scripted is an attacker that does what bytes say.
type scripted struct {
	*attacker
	script    []byte
	sending   []*rtmfp.SendFlow
	publisher *streams.Publisher
	time      uint32
}

// begins has two streams made, of which the first plays.
func (p *scripted) begins() {
	p.says(command("createStream", 0, nil), command("createStream", 2, nil))
	p.hears("_result", 2)
	p.publishes(0)
	p.do(func() {
		for _, id := range []uint32{0, 1, 1, 2} {
			p.sending = append(p.sending, p.open(metadataOf(id), p.control))
		}
		say(p.sending[1], command("play", 0, nil, "film"))
	})
}

func (p *scripted) next() byte {
	if len(p.script) == 0 {
		return 0
	}
	b := p.script[0]
	p.script = p.script[1:]
	return b
}

// one is one of a list, by the script; nil if it is empty.
func one[T any](p *scripted, all []*T) *T {
	n := int(p.next())
	if len(all) == 0 {
		return nil
	}
	return all[n%len(all)]
}

func (p *scripted) step() {
	switch p.next() % 12 {
	case 0, 1:
		id, answers := uint32(p.next()%4), p.control
		if p.next()%4 == 0 {
			answers = nil
		}
		p.do(func() { p.sending = append(p.sending, p.open(metadataOf(id), answers)) })
	case 2, 3, 4:
		p.sends(p.command())
	case 5:
		n := min(int(p.next())%16, len(p.script))
		b := p.script[:n]
		p.script = p.script[n:]
		p.sends(b)
	case 6:
		p.sends(userControl(eventFlowSync, uint32(p.next()%3), uint32(p.next()%4)))
	case 7:
		f, end := one(p, p.sending), p.next()%2
		p.do(func() {
			if f != nil && end == 0 {
				f.Close()
			} else if f != nil {
				f.Cancel()
			}
		})
	case 8:
		p.do(func() { treat(one(p, p.flows), p.next()) })
	case 9:
		some := uint64(p.next() % 8)
		p.do(func() { p.forge.ack = func(a *wire.Ack) bool { return some == 0 || a.FlowID%some != 0 } })
	case 10:
		p.publishes(p.next())
	case 11:
		time.Sleep(time.Duration(p.next()) * 10 * time.Millisecond)
	}
}

func treat(f *rtmfp.ReceiveFlow, what byte) {
	switch {
	case f == nil:
	case what < 20:
		f.Reject(uint64(what))
	case what < 80:
		f.SetCapacity(0)
		f.Pause()
	default:
		f.SetCapacity(1 << 20)
		f.Resume()
	}
}

func (p *scripted) sends(b []byte) {
	f := one(p, p.sending)
	if p.next()%4 == 0 {
		p.says(b)
		return
	}
	p.do(func() { say(f, b) })
}

func (p *scripted) command() []byte {
	names := []string{"createStream", "deleteStream", "play", "closeStream", "publish", "pause", "seek", "receiveAudio", "FCPublish", "checkBandwidth"}
	name := names[int(p.next())%len(names)]
	switch name {
	case "createStream", "FCPublish", "checkBandwidth":
		return command(name, float64(p.next()%3), nil, "x")
	case "deleteStream":
		return command(name, 0, nil, float64(p.next()%4))
	case "play", "publish":
		return command(name, 0, nil, []string{"film", "x", "y?videoLifetime=0"}[p.next()%3], -2.0, float64(p.next()), p.next()%2 == 0)
	}
	return command(name, 0, nil, p.next()%2 == 0)
}

// publishes goes on with a stream that the attacker may play, or ends or begins it.
func (p *scripted) publishes(what byte) {
	switch {
	case p.publisher == nil:
		if pub, err := p.siege.room.Hub.Publish("film", claim); err == nil {
			p.publisher = pub
		}
	case what < 60:
		p.publisher.Close()
		p.publisher = nil
	default:
		for i := range int(what) {
			head := []byte{0x27, 1, 0, 0, 0}
			if i%10 == 0 {
				head[0] = 0x17
			}
			_ = p.publisher.Write(media.NewPacket(media.KindVideo, p.time, append(head, make([]byte, 10*int(what))...)))
			_ = p.publisher.Write(media.NewPacket(media.KindAudio, p.time, []byte{0xAF, 1, what}))
			p.time += 10
		}
	}
}
