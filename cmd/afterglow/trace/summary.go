package trace

import (
	"fmt"
	"slices"
	"strings"
)

// Summary is one of the things that a trace ends with: a session, a flow, or the capture as a whole.
type Summary struct {
	Session *SessionSummary `json:"session,omitempty"`
	Flow    *FlowSummary    `json:"flow,omitempty"`
	Capture *CaptureSummary `json:"capture,omitempty"`
}

// SessionSummary is what was seen of a session.
type SessionSummary struct {
	Number    int        `json:"number"`
	Initiator EndSummary `json:"initiator"`
	Responder EndSummary `json:"responder"`

	// Duration is from the first to the last packet in milliseconds.
	Duration float64 `json:"duration"`

	// RoundTrip is the least in milliseconds, as the timestamps tell, absent if they do not. It is good to a tick or two of 4 ms.
	RoundTrip *float64 `json:"roundTrip,omitempty"`

	// Closed says how the session was closed, if it was.
	Closed string `json:"closed,omitempty"`

	// Key tells whether its packets could be decoded. Replayed is how many packets were there twice.
	Key      bool `json:"key"`
	Replayed int  `json:"replayed,omitempty"`
}

// EndSummary is what was seen of an end: whom, and what it sent.
type EndSummary struct {
	Address string `json:"address"`
	ID      string `json:"id"`
	Peer    string `json:"peer,omitempty"`
	Packets int    `json:"packets"`
	Bytes   int    `json:"bytes"`
}

// FlowSummary is what was seen of a flow.
type FlowSummary struct {
	Session int    `json:"session"`
	From    string `json:"from"` // initiator or responder
	ID      uint64 `json:"id"`
	Purpose string `json:"purpose"`

	// Messages and Bytes are of messages that were complete, Broken is how many were not. Types counts them by their types.
	Messages int            `json:"messages"`
	Bytes    int            `json:"bytes"`
	Broken   int            `json:"broken,omitempty"`
	Types    map[string]int `json:"types,omitempty"`

	// Fragments are all that were seen; Missing those that never were.
	Fragments     int    `json:"fragments"`
	Retransmitted int    `json:"retransmitted,omitempty"`
	Abandoned     int    `json:"abandoned,omitempty"`
	Missing       uint64 `json:"missing,omitempty"`
	Ended         bool   `json:"ended,omitempty"`

	// Unfinished is how many bytes of incomplete messages there were in the end.
	Unfinished int `json:"unfinished,omitempty"`
}

// CaptureSummary counts datagrams.
type CaptureSummary struct {
	Datagrams int `json:"datagrams"`
	Bytes     int `json:"bytes"`
	Startup   int `json:"startup"`
	Decoded   int `json:"decoded"`
	NoKey     int `json:"noKey,omitempty"`
	Replayed  int `json:"replayed,omitempty"`
	Cut       int `json:"cut,omitempty"`
	Other     int `json:"other,omitempty"`
	Sessions  int `json:"sessions"`
	Keys      int `json:"keys"`
	BadKeys   int `json:"badKeys,omitempty"`
}

func (t *Tracer) summary() {
	for _, s := range t.sessions.ordered() {
		t.sessionSummary(s)
	}
	c := t.counts
	t.printSummary(Summary{Capture: &CaptureSummary{
		Datagrams: c.datagrams, Bytes: c.bytes, Startup: c.startup, Decoded: c.decoded, NoKey: c.noKey, Replayed: c.replayed,
		Cut: c.cut, Other: c.other, Sessions: t.sessions.begun, Keys: c.keys, BadKeys: c.badKey,
	}})
}

func (t *Tracer) printSummary(s Summary) {
	t.print(Event{Kind: KindSummary, Time: milliseconds(t.now), Summary: &s})
}

// forget shows the summary of a session that makes room for others.
func (t *Tracer) forget(s *session) { t.sessionSummary(s) }

func (t *Tracer) sessionSummary(s *session) {
	if t.options.Session != "" && !t.isSession(Event{Session: s.number}) {
		return
	}
	summary := &SessionSummary{
		Number: s.number, Initiator: s.endSummary(initiator), Responder: s.endSummary(responder),
		Duration: milliseconds(s.last - s.began), Closed: s.closed, Key: s.key != nil, Replayed: s.replayed,
	}
	if rtt, ok := s.roundTrip(); ok {
		ms := milliseconds(rtt)
		summary.RoundTrip = &ms
	}
	t.printSummary(Summary{Session: summary})
	for _, from := range []role{initiator, responder} {
		for _, f := range s.ends[from].order {
			if t.options.Flow == nil || *t.options.Flow == f.id {
				t.printSummary(Summary{Flow: f.summary(s.number, from)})
			}
		}
	}
}

func (s *session) endSummary(r role) EndSummary {
	e := s.ends[r]
	return EndSummary{Address: e.address.String(), ID: fmt.Sprintf("%08x", s.ids[r]), Peer: e.peer, Packets: e.packets, Bytes: e.bytes}
}

func (f *flow) summary(session int, from role) *FlowSummary {
	return &FlowSummary{
		Session: session, From: from.String(), ID: f.id, Purpose: f.describe(),
		Messages: f.stats.messages, Bytes: f.stats.bytes, Broken: f.stats.broken, Types: f.stats.types,
		Fragments: f.stats.fragments, Retransmitted: f.stats.retransmitted, Abandoned: f.stats.abandoned, Missing: f.stats.missing,
		Ended: f.ended, Unfinished: f.held,
	}
}

// summary writes a summary as text.
func (s *textSink) summary(u *Summary) {
	switch {
	case u.Session != nil:
		s.sessionSummary(u.Session)
	case u.Flow != nil:
		fmt.Fprintf(s.w, "    %s\n", printable(u.Flow.String()))
	case u.Capture != nil:
		fmt.Fprintf(s.w, "\n%s\n", u.Capture)
	}
}

func (s *textSink) sessionSummary(u *SessionSummary) {
	s.w.WriteString("\n")
	s.paint(colorBold, fmt.Sprintf("Session %d", u.Number))
	words := []string{fmt.Sprintf("%.3f s", u.Duration/1000)}
	if u.RoundTrip != nil {
		words = append(words, fmt.Sprintf("round trip about %.0f ms", *u.RoundTrip))
	}
	words = append(words, optional(u.Replayed, "packets twice")...)
	if u.Closed != "" {
		words = append(words, u.Closed)
	}
	if !u.Key {
		words = append(words, "no key")
	}
	fmt.Fprintf(s.w, ": %s\n", strings.Join(words, ", "))
	fmt.Fprintf(s.w, "  initiator %s\n  responder %s\n", u.Initiator, u.Responder)
}

// String is the end in words.
func (e EndSummary) String() string {
	text := fmt.Sprintf("%s, ID %s, sent %s, %s", e.Address, e.ID, counted(e.Packets, "packet"), byteCount(e.Bytes))
	if e.Peer != "" {
		text += ", peer " + e.Peer
	}
	return text
}

// String is the flow in words.
func (f *FlowSummary) String() string {
	text := fmt.Sprintf("%s's flow %d, %s: %s, %s", f.From, f.ID, f.Purpose, counted(f.Messages, "message"), byteCount(f.Bytes))
	var types []string
	for name, n := range f.Types {
		types = append(types, fmt.Sprintf("%d %s", n, name))
	}
	slices.Sort(types)
	if len(types) > 0 {
		text += " (" + strings.Join(types, ", ") + ")"
	}
	words := []string{counted(f.Fragments, "fragment")}
	words = append(words, optional(f.Retransmitted, "retransmitted")...)
	words = append(words, optional(f.Abandoned, "abandoned")...)
	words = append(words, optional(f.Missing, "missing")...)
	words = append(words, optional(f.Broken, "messages incomplete")...)
	words = append(words, optional(f.Unfinished, "bytes unfinished")...)
	if f.Ended {
		words = append(words, "ended")
	}
	return text + "; " + strings.Join(words, ", ")
}

// optional is what is said of a number that is not zero.
func optional[N int | uint64](n N, what string) []string {
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d %s", n, what)}
}

// String is the capture in words.
func (c *CaptureSummary) String() string {
	words := []string{
		counted(c.Datagrams, "datagram") + ", " + byteCount(c.Bytes), fmt.Sprintf("%d of handshakes", c.Startup),
		fmt.Sprintf("%d decoded", c.Decoded),
	}
	words = append(words, optional(c.Replayed, "there twice")...)
	words = append(words, optional(c.NoKey, "without a key")...)
	words = append(words, optional(c.Cut, "cut short by the capture")...)
	words = append(words, optional(c.Other, "not RTMFP")...)
	return strings.Join(words, "; ") + ". " + counted(c.Sessions, "session") + ", " + counted(c.Keys, "key") + "."
}
