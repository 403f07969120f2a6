package rtmfp

import (
	"errors"

	"afterglow/rtmfp/wire"
)

// The flags of a packet that are known only when it is full (RFC 7016 2.2.4).
const (
	flagTimeCritical        = 0x80
	flagTimeCriticalReverse = 0x40
)

// receive takes a sealed packet for this session.
func (s *Session) receive(from Path, sealed []byte) {
	if s.state == stateKeyingSent {
		s.receiveKeyingAnswer(from, sealed)
		return
	}
	plain, err := s.cipher.Open(sealed)
	if err != nil {
		s.core.countFailed(err)
		return
	}
	header, chunks, err := wire.ParseHeader(plain)
	if err != nil || header.Mode != s.farMode() {
		s.core.stats.DroppedSyntax++
		return
	}
	s.stats.packetsReceived++
	s.stats.bytesReceived += uint64(len(sealed))
	if s.state != stateOpen {
		s.receiveClosing(chunks)
		return
	}
	if s.hear(); s.state != stateOpen { // a handler of the session that it has replaced has ended it
		return
	}
	s.receiveHeader(header)
	s.out.cc.begin(s.out.outstanding)
	s.out.looked = 0
	s.receiveChunks(from, chunks)
	s.checkMoved(from)
	s.mark()
}

func (c *Core) countFailed(err error) {
	if errors.Is(err, ErrReplay) {
		c.stats.DroppedReplay++
		return
	}
	c.stats.DroppedVerification++
}

// farMode is the mark that the far end's packets carry, which keeps our own from being played back to us.
func (s *Session) farMode() wire.Mode {
	if s.role == Initiator {
		return wire.ModeResponder
	}
	return wire.ModeInitiator
}

func (s *Session) nearMode() wire.Mode {
	if s.role == Initiator {
		return wire.ModeInitiator
	}
	return wire.ModeResponder
}

func (s *Session) receiveHeader(h wire.Header) {
	now := s.core.now
	if h.HasTimestamp {
		s.rtt.receivedTimestamp(now, h.Timestamp)
	}
	if h.HasTimestampEcho {
		s.rtt.receivedEcho(now, h.TimestampEcho)
	}
	if h.TimeCritical {
		s.core.realTime.receive(s, now)
	}
	if h.TimeCriticalReverse {
		s.out.notices.noteReceived(now)
	}
}

// receiveClosing takes the chunks of a session that is not open any more.
func (s *Session) receiveClosing(chunks []byte) {
	if s.state == stateNearClose && !s.confirmed { // it did not have the keys yet when it was told first
		s.confirmed = true
		s.sendClosing(wire.AppendClose)
	}
	for s.state != stateClosed {
		chunk, rest, ok := wire.NextChunk(chunks)
		if !ok {
			return
		}
		chunks = rest
		switch chunk.Type {
		case wire.ChunkClose:
			s.receiveClose()
		case wire.ChunkCloseAck:
			s.receiveCloseAck()
		}
	}
}

// receiveChunks takes the chunks of a packet of an open session.
func (s *Session) receiveChunks(from Path, chunks []byte) {
	var data wire.UserData
	hasData, hasAcks := false, false
	for s.state == stateOpen {
		chunk, rest, ok := wire.NextChunk(chunks)
		if !ok {
			break
		}
		chunks = rest
		var err error
		switch chunk.Type {
		case wire.ChunkUserData:
			if data, err = wire.ParseUserData(chunk.Payload); err == nil {
				hasData = true
				s.receiveUserData(data)
			}
		case wire.ChunkNextUserData:
			if data, err = s.nextUserData(chunk.Payload, data); err == nil {
				s.receiveUserData(data)
			}
		case wire.ChunkRangeAck, wire.ChunkBitmapAck:
			hasAcks = s.receiveAckChunk(chunk) || hasAcks
		default:
			err = s.receiveControl(from, chunk)
		}
		if err != nil {
			s.core.stats.IgnoredChunks++
		}
	}
	if s.state != stateOpen {
		return
	}
	if hasData {
		s.in.dataPacket()
	}
	if hasAcks {
		s.settleAcks()
	}
}

var (
	errNoUserData = errors.New("rtmfp: next user data without user data before it")
	errNoFlow     = errors.New("rtmfp: no such flow")
)

func (s *Session) nextUserData(payload []byte, before wire.UserData) (wire.UserData, error) {
	if before.Sequence == 0 {
		return wire.UserData{}, errNoUserData
	}
	return wire.ParseNextUserData(payload, before)
}

func (s *Session) receiveAckChunk(chunk wire.Chunk) bool {
	into := s.core.parsed[:0]
	parse := wire.ParseRangeAck
	if chunk.Type == wire.ChunkBitmapAck {
		parse = wire.ParseBitmapAck
	}
	ack, err := parse(chunk.Payload, into)
	if err != nil {
		s.core.stats.IgnoredChunks++
		return false
	}
	if cap(ack.Ranges) > cap(s.core.parsed) {
		s.core.parsed = ack.Ranges[:0]
	}
	s.receiveAck(ack, len(chunk.Payload) >= longAck)
	return true
}

// receiveControl takes the chunks that are neither data nor acknowledgements.
func (s *Session) receiveControl(from Path, chunk wire.Chunk) error {
	switch chunk.Type {
	case wire.ChunkPing:
		return s.receivePing(chunk.Payload)
	case wire.ChunkPingReply:
		s.receivePingReply(from, chunk.Payload)
	case wire.ChunkBufferProbe:
		p, err := wire.ParseBufferProbe(chunk.Payload)
		if err != nil {
			return err
		}
		return s.in.probed(p.FlowID)
	case wire.ChunkFlowException:
		x, err := wire.ParseFlowException(chunk.Payload)
		if err != nil {
			return err
		}
		return s.receiveException(x)
	case wire.ChunkFIHello:
		h, err := wire.ParseFIHello(chunk.Payload)
		if err != nil {
			return err
		}
		s.receiveForwardedHello(h)
	case wire.ChunkClose:
		s.receiveClose()
	case wire.ChunkCloseAck:
		s.receiveCloseAck()
	default:
		s.core.stats.IgnoredChunks++
	}
	return nil
}

func (s *Session) receivePing(message []byte) error {
	if len(message) > s.core.config.Limits.Packet-wire.MaxHeaderSize-wire.ChunkHeaderSize {
		return ErrMessageTooLong
	}
	s.queueControl(wire.PingReply{Message: message}.Append)
	return nil
}

// flush sends what an open session has to send, and sets its timer.
func (s *Session) flush() {
	for s.state == stateOpen && s.sendPacket() {
	}
	if s.state == stateOpen {
		s.schedule()
	}
}

// sendPacket sends one packet if there is anything for it.
func (s *Session) sendPacket() bool {
	data := s.mayTransmit()
	if !data && len(s.control) == 0 && !s.in.ackNow {
		return false
	}
	before := s.rtt
	p := s.begin()
	empty := len(p)
	limit := s.packetLimit()
	p = s.appendControl(p, limit)
	if s.in.ackNow {
		p = s.in.appendAcks(p, limit)
	}
	if data {
		s.core.building = true
		p = s.appendData(p, limit)
		if len(p) == empty { // what was divided for another path has to fit this one
			p = s.appendData(p, s.core.config.Limits.Packet)
		}
		s.core.building = false
		if s.out.packetBytes > 0 { // and what could wait for long may come along
			p = s.in.appendAcks(p, limit)
		}
	}
	if len(p) == empty || s.state != stateOpen {
		s.rtt = before // no echo has gone
		return false
	}
	s.finish(p)
	return true
}

// ipv6Payload is the largest datagram in bytes that every path of IPv6 carries: its least MTU without the headers of IP and UDP.
// Over IPv4 routers divide what is too large for them.
const ipv6Payload = 1280 - 48

// packetLimit is the largest plain packet in bytes for the path that the session has.
func (s *Session) packetLimit() int {
	limit := s.core.config.Limits.Packet
	if s.path.Addr.Addr().Is6() {
		const mostFront = 12
		limit = min(limit, ipv6Payload-wire.SessionIDSize-mostFront-s.cipher.Back())
	}
	return limit
}

// begin starts a packet in the outlet's room: what it returns is the plain packet so far.
func (s *Session) begin() []byte {
	room := s.core.config.Outlet.Room()
	at := wire.SessionIDSize + s.cipher.Front()
	now := s.core.now
	h := wire.Header{Mode: s.nearMode(), HasTimestamp: true, Timestamp: tick(now)}
	h.TimestampEcho, h.HasTimestampEcho = s.rtt.echo(now)
	s.core.room = room
	s.out.packetBytes, s.out.packetTimeCritical = 0, false
	return h.Append(room[at:at])
}

// finish seals the packet that was begun last and sends it to where the far end is.
func (s *Session) finish(p []byte) { s.sendTo(s.path, p) }

func (s *Session) sendTo(to Path, p []byte) {
	c := s.core
	if s.out.packetTimeCritical {
		p[0] |= flagTimeCritical
	}
	if c.realTime.elsewhere(s, c.now) {
		p[0] |= flagTimeCriticalReverse
	}
	front := s.cipher.Front()
	sealed := s.cipher.Seal(c.room[wire.SessionIDSize : wire.SessionIDSize+front+len(p)])
	size := wire.SessionIDSize + len(sealed)
	wire.PutSessionID(c.room[:size], s.sendID)
	s.stats.packetsSent++
	s.stats.bytesSent += uint64(size)
	c.send(size, to)
	s.sentData()
}

// appendControl appends as many of the waiting chunks as fit.
func (s *Session) appendControl(p []byte, limit int) []byte {
	for len(s.control) > 0 {
		chunk, rest, ok := wire.NextChunk(s.control)
		size := wire.ChunkHeaderSize + len(chunk.Payload)
		if !ok {
			break
		}
		if size > limit-wire.MaxHeaderSize { // queued for another path
			s.control = rest
			continue
		}
		if len(p)+size > limit {
			return p
		}
		p = append(p, s.control[:size]...)
		s.control = rest
	}
	s.control = nil
	return p
}

// openTimer does what is due in an open session.
func (s *Session) openTimer() {
	c := s.core
	if c.now >= s.out.timeoutAt {
		s.dataTimeout()
	}
	s.in.timer(c.now)
	s.probeFlows()
	s.expireFlows()
	s.live()
	if s.state == stateOpen {
		s.mark()
	}
}

// schedule sets the timer to the earliest thing that will be due.
func (s *Session) schedule() {
	now := s.core.now
	next := min(s.out.timeoutAt, s.out.expireAt, s.in.next(), s.nextLive(), s.out.nextProbe())
	if s.out.held {
		next = min(next, s.out.pace.wait(now, s.paced()))
	}
	s.wake(next)
}
