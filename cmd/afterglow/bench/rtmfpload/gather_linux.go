package rtmfpload

import (
	"time"

	"afterglow/cmd/afterglow/bench"
	"afterglow/rtmfp"
)

// gathered is what arrived at the sessions of one shard, which alone touches it.
type gathered struct {
	messages uint64
	bytes    uint64
	missing  uint64 // by their numbers
	bad      uint64 // without a stamp, or not in order
	ended    uint64 // sessions that ended though nobody asked for it
	latency  bench.Histogram
}

// merged takes what was gathered, and empties it.
func merged(all ...*gathered) Arrived {
	var sum gathered
	for _, g := range all {
		sum.messages += g.messages
		sum.bytes += g.bytes
		sum.missing += g.missing
		sum.bad += g.bad
		sum.ended += g.ended
		sum.latency.Merge(&g.latency)
		*g = gathered{}
	}
	return Arrived{
		Messages: sum.messages, Bytes: sum.bytes, Missing: sum.missing, Bad: sum.bad, Ended: sum.ended,
		Latency: bench.SpreadOf(&sum.latency),
	}
}

// inflow is a flow that comes in.
type inflow struct {
	into *gathered
	next uint64
}

// Message implements rtmfp.FlowHandler.
func (f *inflow) Message(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
	g := f.into
	s, ok := readStamp(m.Data)
	if !ok || s.sequence < f.next {
		g.bad++
		return
	}
	g.missing += s.sequence - f.next
	f.next = s.sequence + 1
	g.messages++
	g.bytes += uint64(len(m.Data))
	g.latency.Add(time.Duration(bench.Monotonic() - s.sent))
}

// Ended implements rtmfp.FlowHandler.
func (f *inflow) Ended(*rtmfp.ReceiveFlow, error) {}
