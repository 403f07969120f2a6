package rtmfp_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
)

// monkey uses several cores on a bad network in every way that the API allows, at random, from within callbacks too. Its handlers
// check what they are told.
type monkey struct {
	*world
	rng        *rand.Rand
	ends       []*monkeyEnd
	identities []*flash.Identity
	names      int
	depth      int     // of callbacks that act
	nerve      float64 // how often a callback acts
	hostile    bool    // sends with valid keys what no endpoint sends
	calm       bool    // callbacks do nothing any more
}

// monkeyEnd is a host with the core that it has at present, and what sessions and flows its cores have had.
type monkeyEnd struct {
	*monkey
	core     *rtmfp.Core
	host     *simnet.Host
	config   rtmfp.CoreConfig
	sessions []*monkeySession
	inboxes  []*monkeyInbox
	outboxes []*monkeyOutbox
	names    []string
	identity map[string]*flash.Identity
	port     uint16
}

type monkeySession struct {
	end            *monkeyEnd
	core           *rtmfp.Core
	session        *rtmfp.Session
	opened, closed int
}

type monkeyInbox struct {
	session  *monkeySession
	flow     *rtmfp.ReceiveFlow
	last     uint64
	ended    int
	network  bool
	rejected bool
	late     bool // its session was over when the handler was given
}

type monkeyOutbox struct {
	session  *monkeySession
	flow     *rtmfp.SendFlow
	ids      []rtmfp.MessageID
	receipts map[rtmfp.MessageID]bool
	ended    int
	more     int // how many messages Writable gives
	asked    bool
}

func newMonkey(t *testing.T, seed uint64, hostile bool) *monkey {
	m := &monkey{world: newWorld(t, seed), rng: rand.New(rand.NewPCG(seed, 77)), hostile: hostile}
	m.nerve = []float64{0, 0.01, 0.05, 0.2}[m.rng.IntN(4)]
	for range 6 {
		id, err := flash.NewIdentity(flash.IdentityConfig{Random: m.Random(), Groups: []flash.Group{flash.Group2}})
		if err != nil {
			t.Fatal(err)
		}
		m.identities = append(m.identities, id)
	}
	return m
}

func (m *monkey) check(ok bool, format string, a ...any) {
	if !ok {
		m.t.Helper()
		m.t.Errorf("at %v: "+format, append([]any{time.Duration(m.Now())}, a...)...)
	}
}

// chance is true that often.
func (m *monkey) chance(p float64) bool { return m.rng.Float64() < p }

// react does something random in a callback, mostly nothing.
func (m *monkey) react(e *monkeyEnd, s *rtmfp.Session) {
	if m.calm || m.depth > 6 || !m.chance(m.nerve) {
		return
	}
	m.depth++
	m.act(e, s)
	m.depth--
}

func (h *monkeySession) Opened(s *rtmfp.Session) {
	h.session = s
	h.opened++
	h.end.check(h.opened == 1 && h.closed == 0, "opened %d times, closed %d times", h.opened, h.closed)
	h.end.react(h.end, s)
}

func (h *monkeySession) Flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	m := h.end.monkey
	m.check(h.closed == 0, "flow after Closed")
	in := &monkeyInbox{session: h, flow: f}
	m.react(h.end, h.session)
	if m.chance(0.1) {
		f.SetNetworkOrder(true)
		in.network = true
	}
	if m.chance(0.05) {
		f.SetCapacity(m.rng.IntN(10000))
	}
	if !m.calm && m.chance(0.05) {
		f.Pause()
	}
	if m.chance(0.03) {
		in.rejected = h.session.IsOpen()
		f.Reject(7)
	}
	if m.chance(0.03) {
		return nil
	}
	in.late = !h.session.IsOpen()
	h.end.inboxes = append(h.end.inboxes, in)
	return in
}

func (h *monkeySession) Moved(s *rtmfp.Session, _ rtmfp.Path) {
	h.end.check(h.closed == 0, "moved after Closed")
	h.end.react(h.end, s)
}

func (h *monkeySession) Closed(s *rtmfp.Session, err error) {
	h.closed++
	h.end.check(h.closed == 1 && err != nil, "closed %d times: %v", h.closed, err)
	for _, in := range h.end.inboxes {
		h.end.check(in.session != h || in.over(), "closed before a receiving flow has ended")
	}
	for _, out := range h.end.outboxes {
		h.end.check(out.session != h || out.ended == 1, "closed before a sending flow has ended")
	}
	h.end.react(h.end, s)
}

// over says whether the handler of a flow has had its last call, or is to have none.
func (i *monkeyInbox) over() bool { return i.rejected && i.ended == 0 || !i.rejected && i.ended == 1 }

func (i *monkeyInbox) Message(_ *rtmfp.ReceiveFlow, message rtmfp.Message) {
	m := i.session.end.monkey
	m.check(i.ended == 0 && !i.rejected && i.session.closed == 0, "message after the end of its flow")
	m.check(i.network || message.Sequence > i.last, "message %d after %d", message.Sequence, i.last)
	m.check(m.hostile || string(message.Data) == string(monkeyBytes(len(message.Data))), "message of %d bytes is spoilt", len(message.Data))
	i.last = max(i.last, message.Sequence)
	m.react(i.session.end, i.session.session)
}

func (i *monkeyInbox) Ended(*rtmfp.ReceiveFlow, error) {
	i.ended++
	i.session.end.check(i.over() && (i.late || i.session.closed == 0), "receiving flow ended %d times", i.ended)
	i.session.end.react(i.session.end, i.session.session)
}

func (o *monkeyOutbox) Writable(*rtmfp.SendFlow) {
	o.session.end.check(o.ended == 0 && o.session.closed == 0, "writable after the end of its flow")
	o.asked = true
	if o.more > 0 {
		o.more--
		o.send()
	}
	o.session.end.react(o.session.end, o.session.session)
	o.asked = false
}

func (o *monkeyOutbox) Settled(_ *rtmfp.SendFlow, id rtmfp.MessageID, _ bool) {
	o.session.end.check(o.receipts[id] && o.ended == 0 && o.session.closed == 0, "message %d settled", id)
	delete(o.receipts, id)
	o.session.end.react(o.session.end, o.session.session)
}

func (o *monkeyOutbox) Ended(_ *rtmfp.SendFlow, err error) {
	o.ended++
	o.session.end.check(o.ended == 1 && o.session.closed == 0, "sending flow ended %d times", o.ended)
	o.session.end.check(len(o.receipts) == 0, "sending flow ended with %d receipts to come: %v", len(o.receipts), err)
	o.session.end.react(o.session.end, o.session.session)
}

// monkeyBytes is what every message of a size has in it.
func monkeyBytes(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(size + i*7)
	}
	return b
}

// send sends a message of random size, some with deadlines, most with a receipt.
func (o *monkeyOutbox) send() {
	m := o.session.end.monkey
	b := monkeyBytes(m.rng.IntN([]int{1, 200_000, 20_000, 20_000, 2500, 2500, 2500, 2500}[m.rng.IntN(8)]))
	head := min(len(b), m.rng.IntN(rtmfp.HeadSize+1))
	g := rtmfp.Outgoing{Head: b[:head], Body: b[head:], Receipt: m.chance(0.6)}
	soon := func() rtmfp.Instant {
		if !m.chance(0.2) {
			return 0
		}
		return o.session.core.Now().Add(time.Duration(m.rng.IntN(2000)) * time.Millisecond)
	}
	g.StartBy, g.FinishBy = soon(), soon()
	id, err := o.flow.Send(g)
	if err != nil {
		return
	}
	o.ids = append(o.ids, id)
	if g.Receipt {
		o.receipts[id] = true
	}
}
