package rtmfpload

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Report is what was measured, each part that was. Gigabits are payload of UDP, with the headers of RTMFP; latency is
// in milliseconds.
type Report struct {
	Time       time.Time `json:"time"`
	Kernel     string    `json:"kernel,omitempty"`
	Processors int       `json:"processors"`
	ServerCPU  int       `json:"server_cpu"` // core, -1 if not pinned
	ClientCPU  int       `json:"client_cpu"`
	Procs      int       `json:"procs"` // GOMAXPROCS and shards of the server
	HMAC       bool      `json:"hmac"`
	Sequence   bool      `json:"sequence"`

	Burst     *BurstReport     `json:"burst,omitempty"`
	Bulk      *BulkReport      `json:"bulk,omitempty"`
	Handshake *HandshakeReport `json:"handshake,omitempty"`
	Idle      *IdleReport      `json:"idle,omitempty"`
	Flood     *FloodReport     `json:"flood,omitempty"`
	Floor     *FloorReport     `json:"floor,omitempty"`
}

// BurstReport is about bursts to many sessions, with the floors of the same rounds.
type BurstReport struct {
	Options BurstOptions `json:"options"`
	Rounds  []BurstRound `json:"rounds"`
}

// BurstRound is one measurement of bursts.
type BurstRound struct {
	Bursts        uint64      `json:"bursts"`
	Skipped       uint64      `json:"skipped"`         // not begun in time, because too many waited
	Sending       float64     `json:"sending_seconds"` // until the last one was begun
	Server        Use         `json:"server"`
	ServerTraffic Traffic     `json:"server_traffic"`
	Client        Use         `json:"client"`
	ClientTraffic Traffic     `json:"client_traffic"`
	Arrived       Arrived     `json:"arrived"`
	Floor         *FloorRound `json:"floor,omitempty"`

	Gigabits          float64 `json:"gigabits"`
	PacketsPerSecond  float64 `json:"packets_per_second"`
	Mbps              float64 `json:"mbps"`
	ServerPerGigabit  float64 `json:"server_cpu_seconds_per_gigabit"`
	ClientPerGigabit  float64 `json:"client_cpu_seconds_per_gigabit"`
	AllocationsPacket float64 `json:"server_allocations_per_packet"`
	// Ratio is the server's processor time to that of sealing and sending plainly.
	Ratio float64 `json:"ratio_to_floors,omitempty"`
}

func (r *BurstRound) derive() {
	r.Gigabits = r.ServerTraffic.gigabits()
	r.PacketsPerSecond = share(float64(r.ServerTraffic.DatagramsSent), r.Sending)
	r.Mbps = 1000 * share(r.Gigabits, r.Sending)
	r.ServerPerGigabit = r.Server.perGigabit(r.Gigabits)
	r.ClientPerGigabit = r.Client.perGigabit(r.Gigabits)
	r.AllocationsPacket = share(float64(r.Server.Allocations), float64(r.ServerTraffic.DatagramsSent))
	if r.Floor != nil {
		r.Ratio = share(r.ServerPerGigabit, r.Floor.SealPerGigabit+r.Floor.SendPerGigabit)
	}
}

// FloorReport is about what no protocol could be cheaper than.
type FloorReport struct {
	Options FloorOptions `json:"options"`
	Rounds  []FloorRound `json:"rounds"`
}

// FloorRound is one measurement of the floors.
type FloorRound struct {
	Seal     Use    `json:"seal"`     // the packets of the bursts, without a network
	Sender   Use    `json:"sender"`   // the same datagrams without a protocol
	Receiver Use    `json:"receiver"` // of these
	Sent     uint64 `json:"sent"`     // datagrams
	Received uint64 `json:"received"`

	Gigabits          float64 `json:"gigabits"`
	SealPerGigabit    float64 `json:"seal_cpu_seconds_per_gigabit"`
	SendPerGigabit    float64 `json:"send_cpu_seconds_per_gigabit"`
	ReceivePerGigabit float64 `json:"receive_cpu_seconds_per_gigabit"`
}

func (r *FloorRound) derive(packets uint64) {
	r.Gigabits = float64(packets) * datagramSize * 8 / 1e9
	r.SealPerGigabit = r.Seal.perGigabit(r.Gigabits)
	r.SendPerGigabit = r.Sender.perGigabit(r.Gigabits)
	r.ReceivePerGigabit = r.Receiver.perGigabit(r.Gigabits)
}

// BulkReport is about one flow as fast as it goes.
type BulkReport struct {
	Options BulkOptions `json:"options"`
	Rounds  []BulkRound `json:"rounds"`
}

// BulkRound is one measurement of bulk.
type BulkRound struct {
	Server        Use     `json:"server"`
	ServerTraffic Traffic `json:"server_traffic"`
	Client        Use     `json:"client"`
	ClientTraffic Traffic `json:"client_traffic"`
	Arrived       Arrived `json:"arrived"`

	// GigabitsPerSecond is what messages carry.
	GigabitsPerSecond float64 `json:"gigabits_per_second"`
	ServerPerGigabit  float64 `json:"server_cpu_seconds_per_gigabit"`
	ClientPerGigabit  float64 `json:"client_cpu_seconds_per_gigabit"`
}

func (r *BulkRound) derive() {
	gigabits := float64(r.Arrived.Bytes) * 8 / 1e9
	r.GigabitsPerSecond = share(gigabits, r.Server.Seconds)
	r.ServerPerGigabit = r.Server.perGigabit(gigabits)
	r.ClientPerGigabit = r.Client.perGigabit(gigabits)
}

// HandshakeReport is about sessions that open and end at once.
type HandshakeReport struct {
	Options HandshakeOptions `json:"options"`
	Groups  []HandshakeGroup `json:"groups"`
}

// HandshakeGroup are the measurements with one group.
type HandshakeGroup struct {
	Group  int              `json:"group"`
	Rounds []HandshakeRound `json:"rounds"`
}

// HandshakeRound is one measurement of handshakes.
type HandshakeRound struct {
	Server   Use     `json:"server"`
	Client   Use     `json:"client"`
	Opened   uint64  `json:"opened"`
	Failed   uint64  `json:"failed"`
	Accepted int64   `json:"accepted"` // by the server
	Keying   float64 `json:"keying_seconds"`

	PerSecond     float64 `json:"per_second"`
	ServerSeconds float64 `json:"server_cpu_seconds_each"`
}

func (r *HandshakeRound) derive() {
	r.PerSecond = share(float64(r.Opened), r.Client.Seconds)
	r.ServerSeconds = share(r.Server.CPUSeconds, float64(r.Opened))
}

// IdleReport is about sessions that do nothing.
type IdleReport struct {
	Options IdleOptions `json:"options"`
	Rounds  []IdleRound `json:"rounds"`
}

// IdleRound is one measurement of idle sessions.
type IdleRound struct {
	Sessions int     `json:"sessions"`
	Before   Memory  `json:"before"`
	After    Memory  `json:"after"`
	Server   Use     `json:"server"`
	Traffic  Traffic `json:"traffic"`

	RSSEach  float64 `json:"rss_bytes_each"`
	HeapEach float64 `json:"heap_bytes_each"`
	// ReleasedEach is of RSS once garbage is collected and given back.
	ReleasedEach float64 `json:"released_bytes_each"`
	// CPUPerSecond is processor time in seconds for each second, of all sessions.
	CPUPerSecond float64 `json:"cpu_per_second"`
}

func (r *IdleRound) derive() {
	each := func(after, before int64) float64 { return share(float64(after-before), float64(r.Sessions)) }
	r.RSSEach = each(r.After.RSS, r.Before.Released)
	r.HeapEach = each(r.After.Heap, r.Before.Heap)
	r.ReleasedEach = each(r.After.Released, r.Before.Released)
	r.CPUPerSecond = r.Server.busy()
}

// FloodReport is about innocent sessions beside attackers.
type FloodReport struct {
	Options FloodOptions `json:"options"`
	// Rounds have a quiet phase and then one for each attack.
	Rounds [][]FloodPhase `json:"rounds"`
}

// FloodPhase is what happened during one attack.
type FloodPhase struct {
	Attack    string  `json:"attack"`
	About     string  `json:"about"`
	Datagrams uint64  `json:"datagrams"` // of the attackers
	PerSecond float64 `json:"per_second"`
	Server    Use     `json:"server"`
	Traffic   Traffic `json:"traffic"`
	Sessions  int     `json:"sessions"` // of everybody, afterwards

	Bursts      uint64  `json:"bursts"`  // to the innocents
	Skipped     uint64  `json:"skipped"` // not begun in time, because too many waited
	Down        Arrived `json:"down"`
	Uploads     uint64  `json:"uploads"` // by the innocents
	Up          Arrived `json:"up"`
	LostBursts  int64   `json:"lost_bursts"`
	LostUploads int64   `json:"lost_uploads"`

	Before   Memory   `json:"before"`
	After    Memory   `json:"after"`
	Counters Counters `json:"counters"` // of the server, those that changed
}

// WriteJSON writes the report indented.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteTable writes the report for people: a table for each part.
func (r *Report) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "server on core %s, client on core %s, GOMAXPROCS and shards %d, HMAC %s, sequence numbers %s\n",
		core(r.ServerCPU), core(r.ClientCPU), r.Procs, onOff(r.HMAC), onOff(r.Sequence))
	for _, part := range []interface{ table(w io.Writer) }{r.Burst, r.Bulk, r.Handshake, r.Idle, r.Flood, r.Floor} {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		part.table(t)
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func core(n int) string {
	if n < 0 {
		return "any"
	}
	return fmt.Sprint(n)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
