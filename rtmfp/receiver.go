package rtmfp

import (
	"errors"
	"maps"
	"slices"

	"afterglow/rtmfp/wire"
)

// ackEvery is how many packets with user data call for an acknowledgement at once (RFC 7016 3.6.3.4.1).
const ackEvery = 2

// firstIgnorable is the first option type that a receiver may ignore when it does not know it (RFC 7016 2.3.11.1).
const firstIgnorable = 8192

// receiver is the receiving half of an open session.
type receiver struct {
	flows     map[uint64]*ReceiveFlow
	last      *ReceiveFlow // the one whose data came last
	recent    [recentFlows]*ReceiveFlow
	oldest    int // in recent
	lingering ring[lingering]
	pending   []*ReceiveFlow // those with something to acknowledge
	open      int
	buffered  int // bytes that all flows hold
	ranges    int // of numbers above holes, in all flows
	packets   int // RX_DATA_PACKETS
	ackNow    bool
	ackAt     Instant // DELACK_ALARM, or zero
}

type lingering struct {
	flow  *ReceiveFlow
	until Instant
}

// receiveUserData gives a fragment to its flow, or begins one (RFC 7016 3.6.3.1, 3.6.3.2).
func (s *Session) receiveUserData(u wire.UserData) {
	in := &s.in
	f := in.last
	if f == nil || f.id != u.FlowID {
		if f = in.flows[u.FlowID]; f == nil {
			if f = s.startFlow(&u); f == nil {
				return
			}
		}
		in.last = f
		in.use(f)
	}
	if u.HasOptions && f.state == receiveOpen && !understood(u.Options) {
		f.rejectFor(errOption)
	}
	f.take(&u)
	if s.state == stateOpen && !in.ackNow && in.ackAt == 0 {
		in.ackAt = s.core.now.Add(delayedAck)
	}
}

// maxSessionRanges is how many ranges of numbers with holes before them all flows of a session have together: they take memory that
// counts for no flow's buffer.
const maxSessionRanges = 16 * maxSequenceRanges

// recentFlows is how many receiving flows of a session keep memory for their next message.
const recentFlows = 16

// use has a flow keep memory, and takes it from the one that has been among those for longest.
func (in *receiver) use(f *ReceiveFlow) {
	if slices.Contains(in.recent[:], f) {
		return
	}
	if other := in.recent[in.oldest]; other != nil {
		other.buffer.trim()
	}
	in.recent[in.oldest] = f
	in.oldest = (in.oldest + 1) % recentFlows
}

var errOption = errors.New("rtmfp: flow with an option that is not understood")

// startOptions is what the first chunk of a flow says of it.
type startOptions struct {
	metadata    []byte
	hasMetadata bool
	returnTo    uint64
	hasReturn   bool
	bad         bool
}

func parseStart(list []byte) (o startOptions) {
	for len(list) > 0 {
		option, n, err := wire.ParseOption(list)
		if err != nil || option.Marker {
			return o
		}
		list = list[n:]
		switch option.Type {
		case wire.OptionMetadata:
			o.metadata, o.hasMetadata = option.Value, true
		case wire.OptionReturnAssociation:
			id, _, err := wire.ParseVLU(option.Value)
			o.bad = o.bad || err != nil || o.hasReturn
			o.returnTo, o.hasReturn = id, true
		default:
			o.bad = o.bad || option.Type < firstIgnorable
		}
	}
	return o
}

func understood(list []byte) bool { return !parseStart(list).bad }

// startFlow begins a receiving flow (RFC 7016 3.6.3.1). It gives nil if the session has ended over it.
func (s *Session) startFlow(u *wire.UserData) *ReceiveFlow {
	in := &s.in
	limits := &s.core.config.Limits
	if len(in.flows) >= limits.ReceiveFlows {
		s.abuse("too many flows")
		return nil
	}
	if in.flows == nil {
		in.flows = make(map[uint64]*ReceiveFlow)
	}
	f := &ReceiveFlow{session: s, id: u.FlowID, capacity: limits.ReceiveBuffer}
	f.buffer.limit = limits.Message
	in.flows[f.id] = f
	in.open++
	s.stats.flowsReceived++
	options := parseStart(u.Options)
	if options.hasReturn {
		if to := s.out.flows[options.returnTo]; to != nil && to.state == sendOpen {
			f.associated = to
		}
	}
	in.ackNow = true
	if !options.hasMetadata || options.bad || options.hasReturn && f.associated == nil || len(options.metadata) > limits.Metadata {
		s.stats.flowsRejected++
		f.Reject(0)
		return f
	}
	f.metadata = slices.Clone(options.metadata)
	meanwhile := new(awaited)
	f.handler = meanwhile
	f.handler = s.handler.Flow(f)
	if s.state != stateOpen {
		if meanwhile.ended && f.handler != nil {
			f.handler.Ended(f, meanwhile.reason)
		}
		return nil
	}
	if f.handler == nil {
		s.stats.flowsRejected++
		f.Reject(0)
	}
	return f
}

// awaited handles a flow while the session's handler is asked for one, which may end the session then and there.
type awaited struct {
	ended  bool
	reason error
}

func (*awaited) Message(*ReceiveFlow, Message) {}

func (a *awaited) Ended(_ *ReceiveFlow, reason error) { a.ended, a.reason = true, reason }

var errHoldsTooMuch = errors.New("rtmfp: too much of incomplete messages at a time")

// shed rejects the flow that holds most if all together hold more than limit. Who heeds our advertisements comes there only with
// a great many large messages in progress at a time.
func (in *receiver) shed(limit int) {
	if in.buffered <= limit {
		return
	}
	var most *ReceiveFlow
	for _, f := range in.flows {
		if f.state != receiveOpen {
			continue
		}
		if most == nil || f.buffer.size() > most.buffer.size() || f.buffer.size() == most.buffer.size() && f.id < most.id {
			most = f
		}
	}
	if most != nil {
		most.rejectFor(errHoldsTooMuch)
	}
}

// ack notes that a flow has something to acknowledge.
func (in *receiver) ack(f *ReceiveFlow) {
	if !f.shouldAck {
		f.shouldAck = true
		in.pending = append(in.pending, f)
	}
}

// dataPacket counts a packet with user data.
func (in *receiver) dataPacket() {
	if in.packets++; in.packets >= ackEvery {
		in.ackNow = true
	}
}

// probed answers a Buffer Probe (RFC 7016 3.6.3.6).
func (in *receiver) probed(id uint64) error {
	f := in.flows[id]
	if f == nil {
		return errNoFlow
	}
	in.ack(f)
	in.ackNow = true
	return nil
}

// appendAcks appends the acknowledgements that fit; what does not fit goes with the next packet (RFC 7016 3.6.3.4.5, 3.6.3.4.6).
func (in *receiver) appendAcks(p []byte, limit int) []byte {
	done := 0
	begin := len(p)
	for _, f := range in.pending {
		if f.state != receiveClosed {
			var ok bool
			if p, ok = f.appendAck(p, limit, begin <= wire.MaxHeaderSize && len(p) == begin); !ok {
				break
			}
		}
		done++
	}
	in.pending = slices.Delete(in.pending, 0, done)
	if len(in.pending) == 0 {
		in.ackNow, in.packets, in.ackAt = false, 0, 0
	}
	return p
}

// linger keeps a complete flow's number from being taken for a new flow's (RFC 7016 3.6.3.8).
func (in *receiver) linger(f *ReceiveFlow) {
	f.state = receiveLingering
	in.open--
	f.session.times.flows = f.session.core.now
	in.lingering.push(lingering{f, f.session.core.now.Add(receiveLinger)})
}

// timer does what is due.
func (in *receiver) timer(now Instant) {
	if in.ackAt != 0 && now >= in.ackAt {
		in.ackNow = true
	}
	for in.lingering.len() > 0 && in.lingering.at(0).until <= now {
		f := in.lingering.at(0).flow
		in.lingering.pop()
		if !f.ended { // its messages are held back
			in.lingering.push(lingering{f, now.Add(receiveLinger)})
			continue
		}
		f.state = receiveClosed
		in.ranges -= len(f.sequences.ranges())
		delete(in.flows, f.id)
		if in.last == f {
			in.last = nil
		}
	}
}

// next says when timer has to run.
func (in *receiver) next() Instant {
	next := Never
	if in.ackAt != 0 {
		next = in.ackAt
	}
	if in.lingering.len() > 0 {
		next = min(next, in.lingering.at(0).until)
	}
	return next
}

// endFlows tells all handlers that the session has ended.
func (s *Session) endFlows(reason error) {
	for _, id := range slices.Sorted(maps.Keys(s.in.flows)) {
		f := s.in.flows[id]
		f.state = receiveClosed
		if f.handler != nil {
			f.tell(reason)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.out.flows)) {
		f := s.out.flows[id]
		f.state = sendClosed
		f.abandonAll()
		f.tell(reason)
	}
	s.in = receiver{}
	s.out = sender{timeoutAt: Never, expireAt: Never}
	s.control = nil
	s.core.realTime.forget(s)
}
