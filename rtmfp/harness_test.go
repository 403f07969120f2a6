package rtmfp_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// world is a simulated network with cores on it.
type world struct {
	*simnet.Network
	t *testing.T
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{Network: simnet.New(seed), t: t}
	t.Cleanup(func() {
		if err := w.Err(); err != nil {
			t.Error("network:", err)
		}
	})
	return w
}

// end is a core on a host, with everything that its sessions were told.
type end struct {
	*rtmfp.Core
	world    *world
	host     *simnet.Host
	identity *flash.Identity
	accepted []*peer
	flow     func(*rtmfp.ReceiveFlow, *inbox)
}

// options change what an end is made of.
type options struct {
	identity flash.IdentityConfig
	config   rtmfp.CoreConfig
	listener rtmfp.Listener
	flow     func(*rtmfp.ReceiveFlow, *inbox) // called for each flow that comes in
}

// name is what every test calls its only identity.
const name = "it"

func (w *world) add(host *simnet.Host, o options) *end {
	w.t.Helper()
	e := &end{world: w, host: host, flow: o.flow}
	if o.identity.Random == nil {
		o.identity.Random = w.Random()
	}
	var err error
	if e.identity, err = flash.NewIdentity(o.identity); err != nil {
		w.t.Fatal(err)
	}
	o.config.Crypto = flash.Profile{}
	if o.config.Outlet == nil {
		o.config.Outlet = host.Outlet()
	}
	o.config.Random = w.Random()
	if o.config.Worker == nil {
		o.config.Worker = host.Worker()
	}
	if e.Core, err = rtmfp.NewCore(o.config); err != nil {
		w.t.Fatal(err)
	}
	if o.listener.Accept == nil {
		o.listener.Accept = func(s *rtmfp.Session) rtmfp.SessionHandler {
			p := &peer{onFlow: o.flow, session: s, opened: true}
			e.accepted = append(e.accepted, p)
			return p
		}
	}
	if err := e.AddIdentity(name, e.identity, o.listener); err != nil {
		w.t.Fatal(err)
	}
	host.Attach(e.Core)
	w.t.Cleanup(func() {
		if err := rtmfp.Check(e.Core); err != nil {
			w.t.Error(host.Addr(0), err)
		}
		if o.config.Group != nil {
			return
		}
		if err := rtmfp.CheckGroup(e.Core); err != nil {
			w.t.Error(host.Addr(0), err)
		}
	})
	return e
}

// do runs f on the core as an application would.
func (e *end) do(f func()) {
	e.host.Do(func() { e.Core.Do(e.world.Now(), f) })
}

// addr is where the end is on its first interface.
func (e *end) addr() netip.AddrPort { return e.host.Addr(0) }

// fingerprint is the discriminator that names this end alone.
func (e *end) fingerprint() []byte {
	return e.identity.Certificate().CanonicalDiscriminator()
}

// dial begins a session to another end's address.
func (e *end) dial(discriminator []byte, flow func(*rtmfp.ReceiveFlow, *inbox), to ...netip.AddrPort) *peer {
	e.world.t.Helper()
	p := &peer{onFlow: flow}
	var paths []rtmfp.Path
	for _, a := range to {
		paths = append(paths, rtmfp.Path{Addr: a})
	}
	e.do(func() {
		s, err := e.Dial(rtmfp.DialConfig{Identity: name, Discriminator: discriminator, Paths: paths, Handler: p})
		if err != nil {
			e.world.t.Fatal(err)
		}
		p.session = s
	})
	return p
}

// connect opens a session between two ends and gives both sides of it.
func (w *world) connect(from, to *end) (near, far *peer) {
	w.t.Helper()
	before := len(to.accepted)
	near = from.dial(to.fingerprint(), nil, to.addr())
	if !w.RunUntil(func() bool { return near.opened && len(to.accepted) > before || near.closed }, 100*time.Second) || near.closed {
		w.t.Fatalf("session did not open: %v", near.err)
	}
	return near, to.accepted[len(to.accepted)-1]
}

// peer handles one session.
type peer struct {
	session *rtmfp.Session
	onFlow  func(*rtmfp.ReceiveFlow, *inbox)
	inboxes []*inbox
	opened  bool
	closed  bool
	err     error
	moves   int
}

func (p *peer) Opened(s *rtmfp.Session) { p.session, p.opened = s, true }

func (p *peer) Flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	in := &inbox{flow: f}
	p.inboxes = append(p.inboxes, in)
	if p.onFlow != nil {
		p.onFlow(f, in)
	}
	return in
}

func (p *peer) Moved(*rtmfp.Session, rtmfp.Path) { p.moves++ }

func (p *peer) Closed(_ *rtmfp.Session, err error) {
	if p.closed {
		panic(errors.New("closed twice"))
	}
	p.closed, p.err = true, err
}

// inbox collects what comes on a flow.
type inbox struct {
	flow      *rtmfp.ReceiveFlow
	messages  []string
	bytes     int
	count     int
	gaps      int
	ended     bool
	err       error
	forget    bool // count messages, do not keep them
	onMessage func(rtmfp.Message)
}

func (i *inbox) Message(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
	i.bytes += len(m.Data)
	i.count++
	if m.Gap {
		i.gaps++
	}
	if !i.forget {
		i.messages = append(i.messages, string(m.Data))
	}
	if i.onMessage != nil {
		i.onMessage(m)
	}
}

func (i *inbox) Ended(_ *rtmfp.ReceiveFlow, err error) { i.ended, i.err = true, err }

// outbox records what a sending flow's handler is told.
type outbox struct {
	settled   map[rtmfp.MessageID]bool
	delivered int
	abandoned int
	ended     bool
	err       error
	writable  func(*rtmfp.SendFlow)
	onSettled func(id rtmfp.MessageID, delivered bool)
}

func (o *outbox) Writable(f *rtmfp.SendFlow) {
	if o.writable != nil {
		o.writable(f)
	}
}

func (o *outbox) Settled(_ *rtmfp.SendFlow, id rtmfp.MessageID, delivered bool) {
	if o.settled == nil {
		o.settled = make(map[rtmfp.MessageID]bool)
	}
	if _, twice := o.settled[id]; twice {
		panic(fmt.Errorf("message %d settled twice", id))
	}
	o.settled[id] = delivered
	if delivered {
		o.delivered++
	} else {
		o.abandoned++
	}
	if o.onSettled != nil {
		o.onSettled(id, delivered)
	}
}

func (o *outbox) Ended(_ *rtmfp.SendFlow, err error) { o.ended, o.err = true, err }

// server and client are two ends with the link between them under the given conditions (each way half of the delay, all of the rest).
func (w *world) pair(c simnet.Conditions, client, server options) (a, b *end) {
	w.t.Helper()
	hostA := w.NewHost(netip.MustParseAddrPort("192.0.2.1:4001"))
	hostB := w.NewHost(netip.MustParseAddrPort("192.0.2.2:1935"))
	hostA.SetLinks(c)
	return w.add(hostA, client), w.add(hostB, server)
}

// open opens a sending flow.
func (p *peer) open(t *testing.T, c rtmfp.FlowConfig) *rtmfp.SendFlow {
	t.Helper()
	f, err := p.session.OpenFlow(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// join makes an open session without handshake and encryption, for tests that have much to carry.
func (w *world) join(from, to *end) (near, far *peer) {
	near = &peer{opened: true}
	far = &peer{opened: true, onFlow: to.flow}
	from.do(func() {
		to.do(func() {
			near.session, far.session = rtmfp.Join(from.Core, to.Core, rtmfp.Path{Addr: from.addr()}, rtmfp.Path{Addr: to.addr()}, near, far)
		})
	})
	to.accepted = append(to.accepted, far)
	return near, far
}

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// chunksOf gives the chunks of a plain packet.
func chunksOf(plain []byte) (all []wire.Chunk) {
	_, rest, err := wire.ParseHeader(plain)
	if err != nil {
		return nil
	}
	for {
		chunk, after, ok := wire.NextChunk(rest)
		if !ok {
			return all
		}
		all = append(all, chunk)
		rest = after
	}
}

// userData gives the fragments in a plain packet.
func userData(plain []byte) (all []wire.UserData) {
	var last wire.UserData
	for _, chunk := range chunksOf(plain) {
		var err error
		switch chunk.Type {
		case wire.ChunkUserData:
			last, err = wire.ParseUserData(chunk.Payload)
		case wire.ChunkNextUserData:
			last, err = wire.ParseNextUserData(chunk.Payload, last)
		default:
			continue
		}
		if err == nil {
			all = append(all, last)
		}
	}
	return all
}

// acks gives the acknowledgements in a plain packet.
func acks(plain []byte) (all []wire.Ack) {
	for _, chunk := range chunksOf(plain) {
		if chunk.Type != wire.ChunkRangeAck {
			continue
		}
		if a, err := wire.ParseRangeAck(chunk.Payload, nil); err == nil {
			all = append(all, a)
		}
	}
	return all
}

// ackFrom is an acknowledgement of all numbers between two, but of none below.
func ackFrom(flow, from, to uint64) []byte {
	return wire.Ack{FlowID: flow, BufferBlocks: 1024, Ranges: []wire.Range{{From: from, To: to}}}.AppendRange(nil, 1000)
}
