package rtmfp

import (
	"fmt"
	"io"
	"time"
)

// CoreStats counts what a core has seen and done since it was made. Dropped ones never touched a session.
type CoreStats struct {
	DatagramsReceived, BytesReceived uint64
	DatagramsSent, BytesSent         uint64

	// What was dropped: too short for a session ID; for a session that is not there; not authentic; seen before; longer than any
	// startup packet; not parsable, or marked for the other end; with a cookie that is not ours or too old.
	DroppedShort, DroppedUnknownSession, DroppedVerification, DroppedReplay, DroppedTooLong, DroppedSyntax, DroppedCookie uint64

	// DroppedStartup counts startup datagrams beyond Limits.StartupRate.
	DroppedStartup uint64

	// IgnoredChunks counts chunks that are unknown, malformed or out of place, each as if it were not in its packet.
	IgnoredChunks uint64

	// Startup chunks received and sent.
	IHellos, FIHellos, RHellos, Redirects, IIKeyings                       uint64
	IHellosSent, RHellosSent, RedirectsSent, IIKeyingsSent, RIKeyingsSent  uint64
	CookieChanges, RepeatedKeyings, Glares, HellosForwarded, Introductions uint64
	UnknownHellos                                                          uint64

	// RefusedFull counts hellos and keyings refused because of a limit, RefusedBusy because the worker or an allowance
	// had no room, RefusedKeyings because of who asked, FailedKeyings because the keying was not acceptable.
	RefusedFull, RefusedBusy, RefusedKeyings, FailedKeyings uint64

	// Sessions by how they came and went, and how often one has moved to another address or was ended for abuse.
	SessionsOpened, SessionsAccepted, SessionsClosed, OpeningsFailed, Moves, Abused uint64

	// Sessions and Openings are how many there are now.
	Sessions, Openings int
}

// Add adds the counters of another core.
func (s *CoreStats) Add(o CoreStats) {
	for _, p := range []struct {
		to   *uint64
		from uint64
	}{
		{&s.DatagramsReceived, o.DatagramsReceived}, {&s.BytesReceived, o.BytesReceived},
		{&s.DatagramsSent, o.DatagramsSent}, {&s.BytesSent, o.BytesSent},
		{&s.DroppedShort, o.DroppedShort}, {&s.DroppedUnknownSession, o.DroppedUnknownSession},
		{&s.DroppedVerification, o.DroppedVerification}, {&s.DroppedReplay, o.DroppedReplay},
		{&s.DroppedTooLong, o.DroppedTooLong}, {&s.DroppedSyntax, o.DroppedSyntax}, {&s.DroppedCookie, o.DroppedCookie},
		{&s.DroppedStartup, o.DroppedStartup},
		{&s.IgnoredChunks, o.IgnoredChunks},
		{&s.IHellos, o.IHellos}, {&s.FIHellos, o.FIHellos}, {&s.RHellos, o.RHellos}, {&s.Redirects, o.Redirects},
		{&s.IIKeyings, o.IIKeyings}, {&s.IHellosSent, o.IHellosSent}, {&s.RHellosSent, o.RHellosSent},
		{&s.RedirectsSent, o.RedirectsSent}, {&s.IIKeyingsSent, o.IIKeyingsSent}, {&s.RIKeyingsSent, o.RIKeyingsSent},
		{&s.CookieChanges, o.CookieChanges}, {&s.RepeatedKeyings, o.RepeatedKeyings}, {&s.Glares, o.Glares},
		{&s.HellosForwarded, o.HellosForwarded}, {&s.Introductions, o.Introductions}, {&s.UnknownHellos, o.UnknownHellos},
		{&s.RefusedFull, o.RefusedFull}, {&s.RefusedBusy, o.RefusedBusy}, {&s.RefusedKeyings, o.RefusedKeyings},
		{&s.FailedKeyings, o.FailedKeyings}, {&s.SessionsOpened, o.SessionsOpened}, {&s.SessionsAccepted, o.SessionsAccepted},
		{&s.SessionsClosed, o.SessionsClosed}, {&s.OpeningsFailed, o.OpeningsFailed}, {&s.Moves, o.Moves}, {&s.Abused, o.Abused},
	} {
		*p.to += p.from
	}
	s.Sessions += o.Sessions
	s.Openings += o.Openings
}

// Stats gives the core's counters.
func (c *Core) Stats() CoreStats {
	stats := c.stats
	for _, s := range c.sessions {
		if s.state == stateOpen {
			stats.Sessions++
		}
	}
	stats.Openings = len(c.openings)
	return stats
}

// sessionCounters is what a session counts.
type sessionCounters struct {
	packetsSent, packetsReceived, bytesSent, bytesReceived            uint64
	fragmentsSent, fragmentsRepeated, fragmentsLost, fragmentsDropped uint64
	messagesAbandoned                                                 uint64
	timeouts, reductions, moves, mobilityChecks, hellosDropped        uint32
	controlDropped, messagesTooLong, flowsReceived, flowsRejected     uint32
}

// SendFlowStats is what a sending flow counts: fragments sent, those of them sent again, those found lost; messages by their fate, and
// the bytes of delivered ones.
type SendFlowStats struct {
	FragmentsSent, FragmentsRepeated, FragmentsLost      uint64
	MessagesDelivered, MessagesAbandoned, BytesDelivered uint64
}

// SessionStats tells how a session fares.
type SessionStats struct {
	// RTT is the smoothed round trip, RTTVariance its mean deviation, MinRTT the least of the last 30 to 60 s; zero before the first
	// measurement, and on ways much shorter than the 4 ms in which RTMFP measures. Timeout is the effective retransmission timeout.
	RTT, RTTVariance, MinRTT, Timeout time.Duration

	// Window is the congestion window and Outstanding what is in flight, in bytes of user data with chunk headers.
	Window, Outstanding int

	// Queued is what sending flows hold in bytes, Buffered what receiving flows hold, with overheads.
	Queued, Buffered int

	PacketsSent, PacketsReceived, BytesSent, BytesReceived uint64

	// Fragments sent, those of them sent again, those that were found lost; and received ones that had no room.
	FragmentsSent, FragmentsRepeated, FragmentsLost, FragmentsDropped uint64

	// MessagesAbandoned counts messages that were given up, at their deadlines or by the application.
	MessagesAbandoned uint64

	// Timeouts counts fired retransmission timers, Reductions how often a loss made the window smaller, Moves address changes.
	Timeouts, Reductions, Moves uint64

	// SendFlows and ReceiveFlows are how many there are; FlowsReceived how many the far end has opened in all, FlowsRejected how many
	// of these were rejected at once, MessagesTooLong how many for a message beyond Limits.Message.
	SendFlows, ReceiveFlows, FlowsReceived, FlowsRejected, MessagesTooLong int

	// SendRate is what the pacer lets go in bytes a second.
	SendRate int64

	// MobilityChecks counts new addresses that were asked whether the far end is there, HellosDropped FIHellos beyond
	// Limits.ForwardedHellos, ControlDropped answers to a far end that asks faster than it listens.
	MobilityChecks, HellosDropped, ControlDropped uint64

	// Age is how long the session has been open, Silence how long nothing has come.
	Age, Silence time.Duration
}

// Stats gives the session's figures.
func (s *Session) Stats() SessionStats {
	c := &s.stats
	minimum, _ := s.rtt.minimum()
	stats := SessionStats{
		RTT: s.rtt.smoothed(), RTTVariance: s.rtt.variance(), MinRTT: minimum, Timeout: s.rtt.timeout(),
		Window: s.out.cc.window(), Outstanding: s.out.outstanding, Buffered: s.in.buffered, Queued: s.out.queued,
		PacketsSent: c.packetsSent, PacketsReceived: c.packetsReceived, BytesSent: c.bytesSent, BytesReceived: c.bytesReceived,
		FragmentsSent: c.fragmentsSent, FragmentsRepeated: c.fragmentsRepeated, FragmentsLost: c.fragmentsLost,
		FragmentsDropped: c.fragmentsDropped, MessagesAbandoned: c.messagesAbandoned,
		Timeouts: uint64(c.timeouts), Reductions: uint64(c.reductions), Moves: uint64(c.moves),
		SendFlows: len(s.out.flows), ReceiveFlows: s.in.open, FlowsReceived: int(c.flowsReceived),
		FlowsRejected: int(c.flowsRejected), MessagesTooLong: int(c.messagesTooLong), SendRate: s.paced().rate(),
		MobilityChecks: uint64(c.mobilityChecks), HellosDropped: uint64(c.hellosDropped), ControlDropped: uint64(c.controlDropped),
	}
	if s.state == stateOpen {
		stats.Age, stats.Silence = s.core.now.Sub(s.opened), s.core.now.Sub(s.times.heard)
	}
	return stats
}

// Dump writes what the core holds, in a form for people.
func (c *Core) Dump(w io.Writer) error {
	d := dumper{w: w}
	st := c.Stats()
	d.line("core %d of %d: %d sessions, %d opening, %d datagrams in, %d out", c.config.Shard, c.config.Shards,
		st.Sessions, st.Openings, st.DatagramsReceived, st.DatagramsSent)
	d.line("  dropped: short %d, unknown session %d, verification %d, replay %d, too long %d, syntax %d, cookie %d",
		st.DroppedShort, st.DroppedUnknownSession, st.DroppedVerification, st.DroppedReplay, st.DroppedTooLong, st.DroppedSyntax, st.DroppedCookie)
	for _, l := range c.identities {
		d.line("  identity %q peer %s", l.name, l.identity.Certificate().PeerID())
	}
	for _, s := range c.everySession() {
		s.dump(&d)
	}
	return d.err
}

type dumper struct {
	w   io.Writer
	err error
}

func (d *dumper) line(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format+"\n", args...)
	}
}

func (s *Session) dump(d *dumper) {
	st := s.Stats()
	d.line("  session near %08x far %08x %s, %s, identity %q, peer %s", s.receiveID, s.sendID, s.path, s.state, s.local.name, s.PeerID())
	d.line("    rtt %v ±%v, timeout %v, window %d, outstanding %d, queued %d, buffered %d", st.RTT, st.RTTVariance, st.Timeout,
		st.Window, st.Outstanding, st.Queued, st.Buffered)
	d.line("    sent %d packets %d bytes, received %d packets %d bytes, lost %d, sent again %d, abandoned %d", st.PacketsSent,
		st.BytesSent, st.PacketsReceived, st.BytesReceived, st.FragmentsLost, st.FragmentsRepeated, st.MessagesAbandoned)
	for _, f := range s.out.flows {
		d.line("    flow out %d priority %d metadata %x: next %d, first unacknowledged %d, outstanding %d, queued %d, far buffer %d",
			f.id, f.priority, f.metadata, f.queue.next, f.queue.base, f.outstanding, f.queue.bytes, f.window)
	}
	for _, f := range s.in.flows {
		d.line("    flow in %d metadata %x: received up to %d, %d ranges above, buffered %d of %d", f.id, f.metadata,
			f.sequences.cumulative(), len(f.sequences.ranges()), f.buffer.size(), f.capacity)
	}
}
