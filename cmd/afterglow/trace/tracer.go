package trace

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"afterglow/rtmfp/wire"
)

// Level says which lines are printed.
type Level string

// The levels.
const (
	LevelAll      Level = "all"      // chunks and messages
	LevelMessages Level = "messages" // messages, and what happens to sessions and flows
	LevelChunks   Level = "chunks"   // chunks, a line for each
	LevelPackets  Level = "packets"  // packets, a line for each
)

// Options says what is printed, and how.
type Options struct {
	// Ports are the UDP ports to look at. Without any, all datagrams are tried, but those that could not be decoded are shown only
	// if one of their addresses has been seen to speak RTMFP.
	Ports []uint16

	// Session, if not empty, is the only session to show: its number in the trace, or one of its two session IDs, 8 hexadecimal digits.
	Session string

	// Flow, if not nil, is the number of the only flows to show, of either end.
	Flow *uint64

	// Level says which lines there are, default LevelAll.
	Level Level

	// Hex adds the bytes of messages, and of chunks of unknown types.
	Hex bool

	// JSON prints an object on each line instead of text. Color is for text.
	JSON  bool
	Color bool

	// Hold is for how long a datagram without a key waits for one, in the time of the capture (default: not at all).
	Hold time.Duration
}

// Tracer decodes frames and prints what they hold. It belongs to one goroutine.
type Tracer struct {
	options  Options
	out      sink
	network  network
	keys     *keyring
	startup  *startup
	sessions *sessions
	waiting  waitingRoom
	speakers speakers
	scratch  []byte

	begun  bool
	origin time.Time
	now    time.Duration // since origin
	counts counts
}

// counts is about everything that came.
type counts struct {
	datagrams, bytes       int
	startup, decoded       int
	noKey, other, cut      int
	replayed, keys, badKey int
}

// New makes a tracer that writes to w. Writing fails silently until Finish.
func New(w io.Writer, o Options) *Tracer {
	t := &Tracer{
		options: o, keys: newKeyring(), startup: newStartup(), speakers: make(speakers),
		scratch: make([]byte, 0, maxIP),
	}
	t.sessions = newSessions()
	t.sessions.leave = t.forget
	t.out = newSink(w, o)
	return t
}

// KeyLine takes a line of a key log. Lines that are something else are counted and ignored, so that a key log may be within another
// log. Datagrams that have waited for the key are decoded at once.
func (t *Tracer) KeyLine(line string) {
	key, err := parseKey(line)
	if err != nil {
		t.counts.badKey++
		return
	}
	if !t.keys.add(key) {
		return
	}
	t.counts.keys++
	for _, d := range t.waiting.take(key.ids()) {
		t.try(d)
	}
}

// Frame takes a frame. Its data is not kept.
func (t *Tracer) Frame(f Frame) {
	if d, ok := t.network.datagram(f); ok && t.wanted(d) {
		t.datagram(d)
	}
}

func (t *Tracer) wanted(d datagram) bool {
	ports := t.options.Ports
	return len(ports) == 0 || slices.Contains(ports, d.from.Port()) || slices.Contains(ports, d.to.Port())
}

func (t *Tracer) datagram(d datagram) {
	if !t.begun {
		t.begun, t.origin = true, d.at
	}
	t.now = d.at.Sub(t.origin)
	t.counts.datagrams++
	t.counts.bytes += len(d.payload)
	for _, late := range t.waiting.due(t.now) {
		t.undecoded(late)
	}
	m := t.mark(d)
	if t.decode(m) {
		return
	}
	size := len(m.payload)
	if !d.cut {
		size = segmentSize(m.payload)
	}
	if size > 0 {
		t.counts.datagrams += (len(m.payload) - 1) / size // that it was more than one
	}
	for rest := m.payload; len(rest) > 0; rest = rest[min(size, len(rest)):] {
		part := m
		part.payload = rest[:min(size, len(rest))]
		t.try(part)
	}
}

// marked is a datagram with its session ID.
type marked struct {
	datagram
	since time.Duration // the beginning of the trace
	id    uint32
	ok    bool // it has a session ID
}

func (t *Tracer) mark(d datagram) marked {
	m := marked{datagram: d, since: d.at.Sub(t.origin)}
	m.id, m.ok = wire.SessionID(d.payload)
	return m
}

// try decodes a datagram, or has it wait for a key.
func (t *Tracer) try(m marked) {
	if t.decode(m) {
		return
	}
	if m.ok && m.id != 0 && t.options.Hold > 0 && !m.cut {
		for _, crowdedOut := range t.waiting.add(m, t.now+t.options.Hold) {
			t.undecoded(crowdedOut)
		}
		return
	}
	t.undecoded(m)
}

// decode is false if no key fits.
func (t *Tracer) decode(m marked) bool {
	if !m.ok || m.cut {
		return false
	}
	sealed := m.payload[wire.SessionIDSize:]
	for _, key := range t.keys.byID[m.id] {
		packet, ok := key.open(m.id, sealed, t.scratch)
		if !ok || !fromEnd(packet) {
			continue
		}
		t.sessionPacket(m, key, packet)
		return true
	}
	plain, ok := t.startup.open(m.id, sealed, t.scratch)
	if ok {
		t.startupPacket(m, plain)
	}
	return ok
}

// fromEnd says whether the packet is marked by the end that must have sent it: a checksum of 16 bits alone is not much.
func fromEnd(packet opened) bool {
	header, _, err := wire.ParseHeader(packet.plain)
	if packet.to == responder {
		return err == nil && header.Mode == wire.ModeInitiator
	}
	return err == nil && header.Mode == wire.ModeResponder
}

// undecoded shows a datagram that no key fits, if it is known to be RTMFP, or looked for by its port.
func (t *Tracer) undecoded(m marked) {
	known := t.speakers[m.from] || t.speakers[m.to] || len(t.options.Ports) > 0
	e := t.event(KindPacket, m)
	switch {
	case !known:
		t.counts.other++
		return
	case m.cut:
		t.counts.cut++
		e.Text = fmt.Sprintf("%d bytes, cut short by the capture", len(m.payload))
	case !m.ok || m.id == 0:
		t.counts.other++
		e.Text = fmt.Sprintf("%d bytes, not RTMFP", len(m.payload))
	default:
		t.counts.noKey++
		e.Text = fmt.Sprintf("%d bytes, no key", len(m.payload))
		if s := t.sessions.guess(m.id, m.to); s != nil {
			s.count(m, s.roleOf(m.id, m.to).other())
			e.Session = s.number
		}
	}
	t.print(e)
}

// event begins an event that comes of a datagram.
func (t *Tracer) event(kind Kind, m marked) Event {
	e := Event{Kind: kind, Time: milliseconds(m.since), From: m.from, To: m.to}
	if m.ok {
		e.ID = fmt.Sprintf("%08x", m.id)
	}
	return e
}

// maxSpeakers limits how many addresses are remembered to speak RTMFP.
const maxSpeakers = 1 << 14

// speakers are the addresses that have been seen to speak RTMFP.
type speakers map[netip.AddrPort]bool

func (s speakers) add(m marked) {
	for _, address := range []netip.AddrPort{m.from, m.to} {
		if len(s) < maxSpeakers {
			s[address] = true
		}
	}
}

// Finish shows what still waits for a key, and the summary. Its error is the first of writing.
func (t *Tracer) Finish() error {
	for _, late := range t.waiting.due(1<<63 - 1) {
		t.undecoded(late)
	}
	t.summary()
	return t.out.flush()
}

// Flush writes what has been printed so far.
func (t *Tracer) Flush() error { return t.out.flush() }

// Note prints a remark about the capture.
func (t *Tracer) Note(text string) {
	t.print(Event{Kind: KindNote, Time: milliseconds(t.now), Text: text})
}
