package rtmfpload

import (
	"encoding/json"

	"afterglow/cmd/afterglow/bench"
)

// datagramSize is that of the full packets of bursts, in bytes.
const datagramSize = 1204

// Use is what a process used while it was measured, the kernel's work for it included.
type Use struct {
	Seconds       float64 `json:"seconds"`
	CPUSeconds    float64 `json:"cpu_seconds"`
	SystemSeconds float64 `json:"system_seconds"` // of those, in the kernel
	Allocations   uint64  `json:"allocations"`    // objects on the heap
	// Foreign is what others took of the core that the process is pinned to, as a share.
	Foreign float64 `json:"foreign,omitempty"`
}

// perGigabit is the processor time in seconds for each gigabit.
func (u Use) perGigabit(gigabits float64) float64 { return share(u.CPUSeconds, gigabits) }

// busy is the share of a core.
func (u Use) busy() float64 { return share(u.CPUSeconds, u.Seconds) }

// Memory is what a process holds, in bytes.
type Memory struct {
	RSS      int64 `json:"rss"`
	Heap     int64 `json:"heap"`     // live objects, after a collection
	Stacks   int64 `json:"stacks"`   // of goroutines
	Released int64 `json:"released"` // RSS once what is free was given back
}

// Traffic is what an endpoint and its sockets have counted.
type Traffic struct {
	DatagramsSent     uint64 `json:"datagrams_sent"`
	BytesSent         uint64 `json:"bytes_sent"`
	DatagramsReceived uint64 `json:"datagrams_received"`
	BytesReceived     uint64 `json:"bytes_received"`
	SendCalls         uint64 `json:"send_calls"`
	SentSegmented     uint64 `json:"sent_segmented"` // messages with several datagrams
	ReceiveCalls      uint64 `json:"receive_calls"`
	Overflows         uint64 `json:"overflows"` // dropped by the system, for want of room in a receive buffer
	SendDropped       uint64 `json:"send_dropped"`
	Repeated          uint64 `json:"repeated"` // fragments sent again
}

func (t Traffic) since(old Traffic) Traffic {
	return Traffic{
		DatagramsSent: t.DatagramsSent - old.DatagramsSent, BytesSent: t.BytesSent - old.BytesSent,
		DatagramsReceived: t.DatagramsReceived - old.DatagramsReceived, BytesReceived: t.BytesReceived - old.BytesReceived,
		SendCalls: t.SendCalls - old.SendCalls, SentSegmented: t.SentSegmented - old.SentSegmented,
		ReceiveCalls: t.ReceiveCalls - old.ReceiveCalls, Overflows: t.Overflows - old.Overflows,
		SendDropped: t.SendDropped - old.SendDropped,
		Repeated:    t.Repeated - min(t.Repeated, old.Repeated), // what ended sessions had repeated is forgotten
	}
}

// gigabits is what was sent, as payload of UDP.
func (t Traffic) gigabits() float64 { return float64(t.BytesSent) * 8 / 1e9 }

// Counters are the numbers of a structure by their names.
type Counters map[string]int64

// countersOf takes the numbers out of a structure. What is no number is left out.
func countersOf(v any) Counters {
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &fields); err != nil {
		return nil
	}
	c := Counters{}
	for name, raw := range fields {
		var n int64
		if json.Unmarshal(raw, &n) == nil {
			c[name] = n
		}
	}
	return c
}

// since gives the counters that have changed.
func (c Counters) since(old Counters) Counters {
	changed := Counters{}
	for name, n := range c {
		if n != old[name] {
			changed[name] = n - old[name]
		}
	}
	return changed
}

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

// Arrived is what arrived at all sessions.
type Arrived struct {
	Messages uint64       `json:"messages"`
	Bytes    uint64       `json:"bytes"` // payload
	Missing  uint64       `json:"missing"`
	Bad      uint64       `json:"bad"`   // without a stamp, or out of order
	Ended    uint64       `json:"ended"` // sessions
	Latency  bench.Spread `json:"latency_ms"`
}
