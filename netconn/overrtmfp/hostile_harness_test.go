package overrtmfp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// undelayed is how late the innocent may get a frame: the way takes 20 ms.
const undelayed = 100 * time.Millisecond

// siege is a server with a publisher and a player who mean no harm, and attackers who speak nothing but RTMFP. It is a bubble's.
type siege struct {
	*stage
	log       *logBook
	attackers int
	before    uint64 // bytes of the heap
	from      time.Time
	stop      func()
	stopped   chan struct{}
	film      *broadcast
	viewer    *viewer
}

// besieged runs an attack while a stream plays. Nothing of the stream may be lost or late, and nothing may be left of the attack.
func besieged(t *testing.T, config overrtmfp.Config, attack func(*testing.T, *siege)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSiege(t, config)
		attack(t, s)
		time.Sleep(time.Second)
		s.stop()
		<-s.stopped
		time.Sleep(2 * time.Second)
		s.unharmed()
		s.lifted()
	})
}

func newSiege(t *testing.T, config overrtmfp.Config) *siege {
	t.Helper()
	s := &siege{
		stage: &stage{t: t, live: simnet.Start(1), room: netconntest.NewRoom()}, log: new(logBook),
		stopped: make(chan struct{}), viewer: newViewer(),
	}
	t.Cleanup(s.live.Close)
	ctx, stop := context.WithCancel(t.Context())
	s.stop = stop
	s.room.Delivery = netconn.Delivery{Mode: netconn.WriteOff}
	s.room.Came, s.room.Gone = make(chan *netconn.Conn, 10_000), make(chan *netconn.Conn, 10_000)
	s.host = s.live.NewHost(netip.MustParseAddrPort("192.0.2.1:1935"))
	log := slog.New(slog.NewTextHandler(s.log, nil))
	s.front = overrtmfp.NewServer(s.room, config, log)
	var err error
	s.endpoint, err = rtmfp.Listen(t.Context(), rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{":0"}, Sockets: s.live.Sockets(s.host), Shards: 1,
		Identity: identity(t, true), Listener: s.front.Listener(), Introducer: s.front, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.leave)
	s.innocent()
	s.before = heap()
	go func() {
		defer close(s.stopped)
		for ctx.Err() == nil {
			s.film.run(200 * time.Millisecond)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-s.stopped
	})
	time.Sleep(time.Second) // both ends learn how fast the way is
	s.from = time.Now()
	return s
}

// near is a line of 10 ms.
func (s *siege) near() *simnet.Host { return s.hostAt(simnet.Conditions{Delay: 10 * time.Millisecond}) }

// innocent has a client publish and another play.
func (s *siege) innocent() {
	publisher, player := s.connects(s.near()), s.connects(s.near())
	stream, err := publisher.CreateStream(s.t.Context(), netconn.StreamEvents{})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := stream.Publish(s.t.Context(), "film", "live"); err != nil {
		s.t.Fatal(err)
	}
	seen, err := player.CreateStream(s.t.Context(), s.viewer.events())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := seen.Play(s.t.Context(), "film", netconn.PlayLive, -1); err != nil {
		s.t.Fatal(err)
	}
	s.film = newBroadcast(s.t, 1, func(p *media.Packet) error { return stream.Write(s.t.Context(), p) })
}

// unharmed fails unless the innocent player has seen everything in time.
func (s *siege) unharmed() {
	s.t.Helper()
	for kind, name := range []string{"audio", "video"} {
		f := measure(s.film, s.viewer, kind, s.from, time.Now())
		if f.published < 20 || f.came != f.published || f.worst > undelayed {
			s.t.Errorf("of the innocent's %s %d of %d frames came, the latest after %v", name, f.came, f.published, f.worst)
		}
	}
}

// lifted fails if anything is left once all attackers have gone.
func (s *siege) lifted() {
	s.t.Helper()
	time.Sleep(4 * time.Minute) // sessions that close without an answer, and flows that linger
	if n := s.front.Sessions(); n != 2 {
		s.t.Errorf("%d sessions are left, want 2", n)
	}
	if n := s.room.Hub.Stats().Subscribers.Load(); n != 1 {
		s.t.Errorf("%d subscribers are left, want 1", n)
	}
	stats := s.endpoint.Stats()
	if stats.Sessions != 2 {
		s.t.Errorf("the endpoint has %d sessions, want 2", stats.Sessions)
	}
	s.endpoint.Sessions(func(session *rtmfp.Session) bool {
		if stats := session.Stats(); stats.SendFlows > 8 || stats.ReceiveFlows > 8 || stats.Buffered > 0 {
			s.t.Errorf("a session is left with %+v", stats)
		}
		return true
	})
	if lines := s.log.lines(); len(lines) > s.attackers {
		s.t.Errorf("%d attackers have caused %d lines in the log:\n%s", s.attackers, len(lines), strings.Join(lines[:min(len(lines), 10)], "\n"))
	}
	if after := heap(); after > s.before+24<<20 {
		s.t.Errorf("%d MB of memory before, %d MB after", s.before>>20, after>>20)
	}
}

// heap is what is in use, in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// holds gives the figures of a session at the server's end.
func (s *siege) holds(a *attacker) (found rtmfp.SessionStats) {
	near, _ := a.session.Nonces()
	s.endpoint.Sessions(func(session *rtmfp.Session) bool {
		if _, far := session.Nonces(); far == near {
			found = session.Stats()
		}
		return true
	})
	return found
}

// logBook keeps what is logged.
type logBook struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *logBook) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(b.all.String(), "\n")[:bytes.Count(b.all.Bytes(), []byte("\n"))]
}

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

// forger changes packets before they are sealed. It belongs to the shard.
type forger struct {
	// ack, if not nil, may change an acknowledgement, or answers false to leave it out.
	ack func(*wire.Ack) bool
}

// edit changes a plain packet in place.
func (g *forger) edit(plain []byte) []byte {
	if g.ack == nil {
		return plain
	}
	_, chunks, err := wire.ParseHeader(plain)
	if err != nil {
		return plain
	}
	out := bytes.Clone(plain[:len(plain)-len(chunks)])
	for {
		c, rest, ok := wire.NextChunk(chunks)
		if !ok {
			break
		}
		whole := chunks[:len(chunks)-len(rest)]
		chunks = rest
		if c.Type != wire.ChunkRangeAck && c.Type != wire.ChunkBitmapAck {
			out = append(out, whole...)
			continue
		}
		parse := wire.ParseRangeAck
		if c.Type == wire.ChunkBitmapAck {
			parse = wire.ParseBitmapAck
		}
		if a, err := parse(c.Payload, nil); err == nil && g.ack(&a) {
			out = a.AppendRange(out, len(plain))
		}
	}
	return plain[:copy(plain, out)]
}

// forgingIdentity is an identity whose sessions have their packets changed.
type forgingIdentity struct {
	*flash.Identity
	forge *forger
}

func (i *forgingIdentity) Initiate(random io.Reader, far rtmfp.Certificate) (rtmfp.Initiation, error) {
	initiation, err := i.Identity.Initiate(random, far)
	return forgingInitiation{initiation, i.forge}, err
}

type forgingInitiation struct {
	rtmfp.Initiation
	forge *forger
}

func (i forgingInitiation) Complete(component []byte) (rtmfp.Keying, error) {
	k, err := i.Initiation.Complete(component)
	if err == nil {
		k.Cipher = forgingCipher{k.Cipher, i.forge}
	}
	return k, err
}

type forgingCipher struct {
	rtmfp.Cipher
	forge *forger
}

func (c forgingCipher) Seal(buffer []byte) []byte {
	front := c.Front()
	return c.Cipher.Seal(buffer[:front+len(c.forge.edit(buffer[front:]))])
}

// userControl is a user control event with fields of 32 bits.
func userControl(event uint16, fields ...uint32) []byte {
	b := binary.BigEndian.AppendUint16(nil, event)
	for _, v := range fields {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return message(netconn.TypeUserControl, b...)
}
