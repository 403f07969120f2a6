package rtmfp_test

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// act does one random thing to an end. The session is the one that a callback is about, or nil.
func (m *monkey) act(e *monkeyEnd, s *rtmfp.Session) {
	if s == nil || m.chance(0.4) {
		s = e.someSession(s)
	}
	if s == nil && m.depth == 0 && m.chance(0.5) {
		e.dial()
		return
	}
	switch n := m.rng.IntN(100); {
	case n < 15:
		e.openFlow(s)
	case n < 56:
		e.withOutbox((*monkeyOutbox).send)
	case n < 70:
		e.withOutbox(m.useOutbox)
	case n < 95:
		e.withInbox(m.useInbox)
	case n < 97:
		e.dial()
	case n < 98 && len(e.names) < 3:
		e.addIdentity(m.identities[m.rng.IntN(len(m.identities))])
	case n < 98 || s == nil || !m.chance(0.1):
		e.replaceIdentity()
	case n < 99:
		s.Close()
	default:
		s.Abort(rtmfp.ErrClosed)
	}
}

func (m *monkey) useOutbox(o *monkeyOutbox) {
	switch m.rng.IntN(6) {
	case 0:
		if len(o.ids) > 0 {
			o.flow.Abandon(o.ids[m.rng.IntN(len(o.ids))])
		}
	case 5:
		if len(o.ids) > 0 {
			o.flow.Hasten(o.ids[m.rng.IntN(len(o.ids))], m.Now().Add(time.Duration(m.rng.IntN(400)-100)*time.Millisecond))
		}
	case 1:
		o.flow.Cancel()
	case 2:
		o.flow.Close()
	case 3:
		o.flow.SetPriority(rtmfp.Priority(m.rng.IntN(9)))
	case 4:
		o.flow.Wake()
	}
}

func (m *monkey) useInbox(i *monkeyInbox) {
	switch n := m.rng.IntN(12); {
	case n < 1:
		i.rejected = i.rejected || i.ended == 0
		i.flow.Reject(3)
	case n < 4:
		i.flow.Pause()
	case n < 9:
		i.flow.Resume()
	case n < 11:
		i.flow.SetCapacity([]int{0, 100, 5000, 1 << 20}[m.rng.IntN(4)])
	default:
		i.network = true
		i.flow.SetNetworkOrder(true)
	}
}

// some gives one of a list, mostly of its newest, or nil.
func some[T any](m *monkey, all []*T) *T {
	if len(all) == 0 {
		return nil
	}
	if len(all) > 12 && m.chance(0.9) {
		all = all[len(all)-12:]
	}
	return all[m.rng.IntN(len(all))]
}

func (e *monkeyEnd) someSession(otherwise *rtmfp.Session) *rtmfp.Session {
	var open []*monkeySession
	for _, h := range e.sessions {
		if h.core == e.core && h.session != nil && (h.session.IsOpen() || e.chance(0.02)) {
			open = append(open, h)
		}
	}
	if h := some(e.monkey, open); h != nil {
		return h.session
	}
	return otherwise
}

// withOutbox and withInbox do something to a flow of the end's present core, open or not.
func (e *monkeyEnd) withOutbox(f func(*monkeyOutbox)) {
	if o := some(e.monkey, e.outboxes); o != nil && o.session.core == e.core {
		f(o)
	}
}

func (e *monkeyEnd) withInbox(f func(*monkeyInbox)) {
	if i := some(e.monkey, e.inboxes); i != nil && i.session.core == e.core {
		f(i)
	}
}

func (e *monkeyEnd) openFlow(s *rtmfp.Session) {
	at := slices.IndexFunc(e.sessions, func(h *monkeySession) bool { return h.session == s })
	if s == nil || at < 0 {
		return
	}
	o := &monkeyOutbox{session: e.sessions[at], more: e.rng.IntN(30), receipts: make(map[rtmfp.MessageID]bool)}
	c := rtmfp.FlowConfig{
		Handler: o, Priority: rtmfp.Priority(e.rng.IntN(8)), Metadata: make([]byte, e.rng.IntN(60)), TimeCritical: e.chance(0.1),
	}
	if e.chance(0.3) {
		e.withInbox(func(i *monkeyInbox) { c.Return = i.flow })
	}
	f, err := s.OpenFlow(c)
	if err != nil {
		return
	}
	o.flow = f
	e.outboxes = append(e.outboxes, o)
	if e.chance(0.6) {
		f.Wake()
	}
	for range e.rng.IntN(4) {
		o.send()
	}
}

func (e *monkeyEnd) dial() {
	if len(e.names) == 0 {
		return
	}
	to := e.ends[e.rng.IntN(len(e.ends))]
	sought := e.identities[e.rng.IntN(len(e.identities))]
	if len(to.names) > 0 && e.chance(0.9) {
		sought = to.identity[to.names[e.rng.IntN(len(to.names))]]
	}
	addresses := []netip.AddrPort{to.host.Addr(0)}
	if e.chance(0.3) {
		addresses = append(addresses, e.ends[e.rng.IntN(len(e.ends))].host.Addr(0))
	}
	h := &monkeySession{end: e, core: e.core}
	s, err := e.core.Dial(rtmfp.DialConfig{
		Identity: e.names[e.rng.IntN(len(e.names))], Discriminator: sought.Certificate().CanonicalDiscriminator(),
		Addresses: addresses, Handler: h,
	})
	if err != nil {
		return
	}
	h.session = s
	e.sessions = append(e.sessions, h)
}

func (e *monkeyEnd) addIdentity(id *flash.Identity) {
	e.monkey.names++
	name := fmt.Sprint("identity ", e.monkey.names)
	if err := e.core.AddIdentity(name, id, rtmfp.Listener{Accept: e.accept, Admit: e.admit}); err != nil {
		return
	}
	e.names = append(e.names, name)
	e.identity[name] = id
}

func (e *monkeyEnd) admit(rtmfp.Path, rtmfp.Certificate) bool {
	e.react(e, nil)
	return !e.chance(0.03)
}

func (e *monkeyEnd) accept(s *rtmfp.Session) rtmfp.SessionHandler {
	if s.Core() != e.core || e.chance(0.05) { // a keying may end on a core that is not there any more
		return nil
	}
	h := &monkeySession{end: e, core: e.core, session: s, opened: 1}
	e.sessions = append(e.sessions, h)
	e.react(e, s)
	return h
}

// replaceIdentity takes an identity away, with its sessions, and gives the same back by another name.
func (e *monkeyEnd) replaceIdentity() {
	if len(e.names) == 0 || !e.chance(0.1) {
		return
	}
	name := e.names[e.rng.IntN(len(e.names))]
	if e.core.RemoveIdentity(name) != nil {
		return
	}
	e.names = slices.DeleteFunc(slices.Clone(e.names), func(n string) bool { return n == name })
	e.addIdentity(e.identity[name])
}

// conditions are those of a random line.
func (m *monkey) conditions() simnet.Conditions {
	c := simnet.Conditions{Delay: time.Duration(m.rng.IntN(100)) * time.Millisecond}
	if m.chance(0.5) {
		c.Loss, c.Duplicate = m.rng.Float64()*0.2, m.rng.Float64()*0.05
		c.Reorder, c.Corrupt = m.rng.Float64()*0.1, m.rng.Float64()*0.02
	}
	if m.chance(0.3) {
		c.Jitter, c.JitterReorders = 50*time.Millisecond, true
	}
	if m.chance(0.3) {
		c.Rate = 200_000 + m.rng.Int64N(10_000_000)
	}
	return c
}

// attack sends chunks of random content on sessions that are open.
func (e *monkeyEnd) attack() {
	for _, h := range e.sessions {
		if h.core == e.core && h.session != nil && h.session.IsOpen() && e.chance(0.5) {
			e.do(func() { rtmfp.SendChunks(h.session, e.chunks()) })
		}
	}
}

// number is one that a parser or a counter may find hard.
func (m *monkey) number() uint64 {
	switch m.rng.IntN(8) {
	case 0:
		return 1<<64 - 1 - uint64(m.rng.IntN(4))
	case 1:
		return uint64(1) << m.rng.IntN(64)
	case 2:
		return m.rng.Uint64()
	case 3:
		return uint64(m.rng.IntN(2000))
	}
	return uint64(m.rng.IntN(30))
}

// chunks are some of random kinds and content, as many as fit a packet.
func (m *monkey) chunks() (b []byte) {
	for range 1 + m.rng.IntN(5) {
		before := len(b)
		if b = m.chunk(b, uint64(m.rng.IntN(12))); len(b) > 1150 {
			return b[:before]
		}
	}
	return b
}

func (m *monkey) chunk(b []byte, flow uint64) []byte {
	switch n := m.rng.IntN(12); {
	case n < 5:
		return m.data(b, flow)
	case n < 8:
		return m.ack(flow).AppendRange(b, 1000)
	case n < 9:
		return wire.FlowException{FlowID: flow, Code: m.number()}.Append(b)
	case n < 10:
		return wire.BufferProbe{FlowID: flow}.Append(b)
	case n < 11:
		return wire.Ping{Message: make([]byte, m.rng.IntN(300))}.Append(b)
	}
	sought := m.identities[m.rng.IntN(len(m.identities))].Certificate().CanonicalDiscriminator()
	return wire.FIHello{Discriminator: sought, ReplyAddress: wire.Address{AddrPort: m.ends[0].host.Addr(0)}, Tag: make([]byte, 16)}.Append(b)
}

func (m *monkey) data(b []byte, flow uint64) []byte {
	u := wire.UserData{FlowID: flow, Sequence: max(m.number(), 1), Fragment: wire.FragmentControl(m.rng.IntN(4)), Final: m.chance(0.03)}
	u.FSN = u.Sequence - min(u.Sequence, max(m.number()%50, 1))
	if m.chance(0.1) {
		u.Abandon, u.FSN = true, u.Sequence
	}
	if m.chance(0.5) {
		u.HasOptions, u.Options = true, wire.AppendOption(nil, wire.OptionMetadata, []byte("hi"))
	}
	if m.chance(0.05) {
		u.HasOptions, u.Options = true, wire.AppendOption(nil, wire.OptionReturnAssociation, wire.AppendVLU(nil, m.number()))
	}
	data := make([]byte, m.rng.IntN(400))
	b = append(u.AppendHeader(b, len(data)), data...)
	if m.chance(0.5) {
		u.Sequence++
		b = append(u.AppendNextHeader(b, len(data)), data...)
	}
	return b
}

func (m *monkey) ack(flow uint64) wire.Ack {
	a := wire.Ack{FlowID: flow, BufferBlocks: m.number(), Cumulative: m.number()}
	at := a.Cumulative
	for range m.rng.IntN(20) {
		from := at + 2 + m.number()%100
		if from < at || from > 1<<62 {
			break
		}
		at = from + m.number()%50
		a.Ranges = append(a.Ranges, wire.Range{From: from, To: at})
	}
	return a
}
