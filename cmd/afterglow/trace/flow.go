package trace

import (
	"bytes"
	"fmt"
	"time"

	"afterglow/rtmfp/wire"
)

// flow is one flow of one end, as far as the capture shows it.
type flow struct {
	id       uint64
	purpose  purpose
	metadata []byte
	returns  *uint64 // the flow of the other end that it answers
	begun    bool    // its metadata has been seen
	seen     sequences
	parts    map[uint64]*part
	held     int // bytes in parts
	final    uint64
	ended    bool
	endedAt  time.Duration
	stats    flowStats
}

// flowStats counts what was on a flow.
type flowStats struct {
	fragments, retransmitted, abandoned int
	missing                             uint64
	messages, bytes, broken             int
	types                               map[string]int
}

// part is a fragment of a message that is not complete. At either end of a run of fragments, other is the other end of the run.
type part struct {
	control wire.FragmentControl
	data    []byte
	other   uint64
}

// news is what a fragment has brought about.
type news struct {
	again    bool   // it is a retransmission
	began    bool   // it is the first of its flow with metadata
	ended    bool   // it was the last that the flow waited for
	gap      string // what will not come any more
	complete bool   // message is complete; it consists of the fragments from first to last
	message  []byte
	first    uint64
	last     uint64
}

// The limits of one flow: what is held of incomplete messages, and for how long the number of a flow that has ended is not used
// again (RFC 7016 3.6.2.3.3 has 130 s, which not everybody keeps).
const (
	maxFlowHeld  = 20 << 20
	maxFlowParts = 1 << 15
	flowLinger   = 30 * time.Second
)

// flow gives the flow of a fragment, possibly a new one. It is nil if there are too many.
func (l *sessions) flow(s *session, from role, u wire.UserData, now time.Duration) *flow {
	e := &s.ends[from]
	if f := e.flows[u.FlowID]; f != nil && !f.replacedBy(u, now) {
		return f
	}
	for l.flows >= maxFlows {
		if !l.forgetIdle(s) {
			return nil
		}
	}
	if e.flows == nil {
		e.flows = make(map[uint64]*flow)
	}
	f := &flow{id: u.FlowID, parts: make(map[uint64]*part), stats: flowStats{types: make(map[string]int)}}
	f.seen.through = u.FSN
	if u.FSN == u.Sequence { // abandoned
		f.seen.through--
	}
	l.flows++
	e.flows[u.FlowID] = f
	e.order = append(e.order, f)
	return f
}

// replacedBy says whether a fragment is of a new flow with the number of one that has ended, or whose end was not captured.
func (f *flow) replacedBy(u wire.UserData, now time.Duration) bool {
	if !f.begun || !u.HasOptions {
		return false
	}
	metadata, _ := flowOptions(u.Options)
	return f.ended && now-f.endedAt > flowLinger || !bytes.Equal(metadata, f.metadata)
}

// flowOptions gives metadata and return association (RFC 7016 2.3.11.1).
func flowOptions(list []byte) (metadata []byte, returns *uint64) {
	for len(list) > 0 {
		option, n, err := wire.ParseOption(list)
		if err != nil {
			break
		}
		list = list[n:]
		switch option.Type {
		case wire.OptionMetadata:
			metadata = option.Value
		case wire.OptionReturnAssociation:
			if id, _, err := wire.ParseVLU(option.Value); err == nil {
				returns = &id
			}
		}
	}
	return metadata, returns
}

// take takes a fragment that came at a time.
func (f *flow) take(u wire.UserData, now time.Duration, all *sessions) (n news) {
	before := f.held
	defer func() { all.held += f.held - before }()
	f.stats.fragments++
	n.began = f.open(u)
	if n.again = !f.seen.add(u.Sequence); n.again {
		f.stats.retransmitted++
	}
	if u.Final {
		f.final = u.Sequence
	}
	if u.Abandon && !n.again && !onlyEnd(u) {
		f.stats.abandoned++
		f.lose(u.Sequence, u.Sequence)
	}
	n.gap = f.advance(u.FSN)
	if !n.again && !u.Abandon {
		f.put(u, all.held < maxHeld, &n)
	}
	if f.final > 0 && !f.ended && f.seen.through >= f.final {
		n.ended, f.ended, f.endedAt = true, true, now
	}
	return n
}

// onlyEnd tells the fragment without data that ends a flow, and is marked as abandoned so as not to be a message, from others.
func onlyEnd(u wire.UserData) bool { return u.Abandon && u.Final && len(u.Data) == 0 }

// open takes the options with which a flow begins.
func (f *flow) open(u wire.UserData) bool {
	if f.begun || !u.HasOptions {
		return false
	}
	metadata, returns := flowOptions(u.Options)
	f.begun, f.metadata, f.returns = true, bytes.Clone(metadata), returns
	f.purpose = parsePurpose(f.metadata)
	return true
}

// describe says what the flow is for.
func (f *flow) describe() string {
	text := f.purpose.String()
	if f.returns != nil {
		text += fmt.Sprintf(", answers flow %d of the other end", *f.returns)
	}
	return text
}

// advance takes a forward sequence number, up to which nothing will be sent again.
func (f *flow) advance(fsn uint64) string {
	missing, count := f.seen.advance(fsn)
	if count == 0 {
		return ""
	}
	f.stats.missing += count
	broken := f.stats.broken
	text := ""
	for _, r := range missing {
		f.lose(r.From, r.To)
		text += describeRange(r) + " "
	}
	text += "given up by the sender, or not captured"
	if f.stats.broken > broken {
		text += fmt.Sprintf("; %d incomplete messages dropped", f.stats.broken-broken)
	}
	return text
}

// lose drops the runs that wait for one of the fragments from first to last.
func (f *flow) lose(first, last uint64) {
	if left := f.parts[first-1]; left != nil && wantsRight(left.control) {
		f.drop(left.other, first-1)
	}
	if right := f.parts[last+1]; right != nil && wantsLeft(right.control) {
		f.drop(last+1, right.other)
	}
}

func (f *flow) drop(first, last uint64) {
	f.cut(first, last)
	f.stats.broken++
}

func wantsLeft(c wire.FragmentControl) bool  { return c == wire.Middle || c == wire.End }
func wantsRight(c wire.FragmentControl) bool { return c == wire.Middle || c == wire.Begin }

// put adds a fragment to the run that it belongs to, and takes out the message that is then complete.
func (f *flow) put(u wire.UserData, room bool, n *news) {
	if u.Fragment == wire.Whole {
		if len(u.Data) > 0 || !u.Final { // a lone end of the flow has no message
			n.complete, n.message, n.first, n.last = true, u.Data, u.Sequence, u.Sequence
		}
		return
	}
	if !room || f.held+len(u.Data) > maxFlowHeld || len(f.parts) >= maxFlowParts {
		f.stats.broken++
		f.lose(u.Sequence, u.Sequence)
		return
	}
	first, last := u.Sequence, u.Sequence
	if f.hopeless(u) {
		f.stats.broken++
		f.lose(u.Sequence, u.Sequence)
		return
	}
	if left := f.parts[first-1]; left != nil && wantsLeft(u.Fragment) && wantsRight(left.control) {
		first = left.other
	}
	if right := f.parts[last+1]; right != nil && wantsRight(u.Fragment) && wantsLeft(right.control) {
		last = right.other
	}
	f.held += len(u.Data)
	f.parts[u.Sequence] = &part{control: u.Fragment, data: bytes.Clone(u.Data)}
	f.parts[first].other, f.parts[last].other = last, first
	if f.parts[first].control == wire.Begin && f.parts[last].control == wire.End {
		n.complete, n.message, n.first, n.last = true, f.cut(first, last), first, last
	}
}

// hopeless says whether what belongs before or behind a fragment will never come: it was there, and is no more, or was given up.
func (f *flow) hopeless(u wire.UserData) bool {
	gone := func(sequence uint64) bool { return sequence <= f.seen.through && f.parts[sequence] == nil }
	return wantsLeft(u.Fragment) && gone(u.Sequence-1) || wantsRight(u.Fragment) && gone(u.Sequence+1)
}

// cut takes a run of fragments out.
func (f *flow) cut(first, last uint64) []byte {
	var data []byte
	for sequence := first; ; sequence++ {
		if p := f.parts[sequence]; p != nil {
			data = append(data, p.data...)
			f.held -= len(p.data)
			delete(f.parts, sequence)
		}
		if sequence == last {
			return data
		}
	}
}

// count counts a message. The types are few: those of RTMP have a byte.
func (f *flow) count(m Message) {
	f.stats.messages++
	f.stats.bytes += m.Size
	f.stats.types[m.Type]++
}
