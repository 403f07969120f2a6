package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"afterglow/amf"
	"afterglow/rtmp"
)

const (
	handshakeSize = 1536
	playStreamID  = 1
	segmentSize   = 1448
)

// canned are the bytes that all players of a stream send.
type canned struct {
	handshake []byte // C0 and C1
	connect   []byte
	create    []byte
	name      string
	play      []byte // for playStreamID
	raw       []byte // the floor's hello, instead of all of them
}

func newCanned(t target, name string, stream int) (*canned, error) {
	c := &canned{name: name, handshake: make([]byte, 1+handshakeSize), raw: appendHello(nil, rawPlay, stream)}
	c.handshake[0] = 3
	for i := range c.handshake[9:] {
		c.handshake[9+i] = byte(i*7 + i>>8)
	}
	connect, err := amf.Append0(nil, "connect", 1.0, connectProperties(t))
	if err != nil {
		return nil, err
	}
	create, err := amf.Append0(nil, "createStream", 2.0, nil)
	if err != nil {
		return nil, err
	}
	c.connect = chunks(rtmp.Message{Type: rtmp.TypeCommandAMF0, Payload: connect})
	c.create = chunks(rtmp.Message{Type: rtmp.TypeCommandAMF0, Payload: create})
	c.play, err = playCommand(name, playStreamID)
	return c, err
}

func playCommand(name string, streamID uint32) ([]byte, error) {
	b, err := amf.Append0(nil, "play", 3.0, nil, name, -2000.0)
	if err != nil {
		return nil, err
	}
	return chunks(rtmp.Message{Type: rtmp.TypeCommandAMF0, StreamID: streamID, Payload: b}), nil
}

func chunks(m rtmp.Message) []byte {
	return rtmp.AppendChunks(nil, &m, rtmp.ChunkStreamFor(m.Type), rtmp.DefaultChunkSize)
}

// player is one connection that plays. Its worker alone touches it.
type player struct {
	viewer
	worker *worker
	canned *canned
	fd     int
	frames framing
	stash  []byte // an incomplete chunk header
	hello  []byte // handshake bytes until they are complete
	out    []byte // what the socket would not take
	events uint32

	acked    uint64
	ackEvery uint64
	answered bool // window announced
	budget   float64
}

func (p *player) ready(events uint32) {
	if p.phase == phaseConnecting {
		p.connected()
		if p.phase == phaseEnded {
			return
		}
	}
	if events&unix.EPOLLOUT != 0 {
		p.flush()
	}
	switch {
	case events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 && p.reading():
		p.read(len(p.worker.buf))
	case events&(unix.EPOLLHUP|unix.EPOLLERR|unix.EPOLLRDHUP) != 0 && !p.reading():
		p.end(p.socketError())
	}
}

// reading says whether the player takes what comes at once.
func (p *player) reading() bool {
	return p.phase != phaseEnded && (p.phase != phasePlaying || p.role == innocent)
}

func (p *player) socketError() error {
	code, err := unix.GetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		return unix.Errno(code)
	}
	return io.EOF
}

func (p *player) connected() {
	code, err := unix.GetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err != nil {
		p.end(fmt.Errorf("connect: %w", err))
		return
	}
	if p.worker.raw {
		p.frames = &rawParser{}
		p.send(p.canned.raw)
		p.play()
		return
	}
	p.phase = phaseHandshaking
	p.send(p.canned.handshake)
}

// play is called when the last command has gone out.
func (p *player) play() {
	if p.phase == phaseEnded {
		return
	}
	p.playing()
	p.listen()
}

// send writes b or keeps what the socket does not take.
func (p *player) send(b []byte) {
	if p.phase == phaseEnded {
		return
	}
	n := 0
	if len(p.out) == 0 {
		var err error
		if n, err = unix.Write(p.fd, b); err != nil {
			if err != unix.EAGAIN {
				p.end(fmt.Errorf("write: %w", err))
				return
			}
			n = 0
		}
	}
	if n < len(b) {
		p.out = append(p.out, b[n:]...)
		p.listen()
	}
}

func (p *player) flush() {
	b := p.out
	p.out = nil
	if len(b) > 0 {
		p.send(b)
	}
	p.listen()
}

// listen tells the kernel which events matter now.
func (p *player) listen() {
	if p.phase == phaseEnded {
		return
	}
	events := uint32(unix.EPOLLRDHUP)
	if p.reading() {
		events = unix.EPOLLIN
	}
	if len(p.out) > 0 || p.phase == phaseConnecting {
		events |= unix.EPOLLOUT
	}
	if events == p.events {
		return
	}
	p.events = events
	if err := p.worker.watch(unix.EPOLL_CTL_MOD, p.fd, events); err != nil {
		p.end(err)
	}
}

// read takes at most limit bytes and whatever they mean.
func (p *player) read(limit int) {
	w := p.worker
	space := w.buf[maxChunkHeader:]
	n, err := unix.Read(p.fd, space[:min(limit, len(space))])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil:
		p.end(err)
		return
	case n == 0:
		p.end(io.EOF)
		return
	}
	w.crowd.now = monotonic()
	p.received += uint64(n)
	b := w.buf[maxChunkHeader-len(p.stash) : maxChunkHeader+n]
	copy(b, p.stash)
	if err := p.take(b); err != nil {
		p.end(err)
		return
	}
	p.acknowledge()
}

func (p *player) take(b []byte) error {
	if p.phase == phaseHandshaking {
		b = p.handshake(b)
	}
	if p.frames == nil {
		return nil
	}
	rest, err := p.frames.feed(b, p)
	p.stash = append(p.stash[:0], b[len(b)-rest:]...)
	return err
}

// handshake collects S0, S1 and S2, answers with C2 and connect, and returns what follows them.
func (p *player) handshake(b []byte) []byte {
	const all = 1 + 2*handshakeSize
	n := min(all-len(p.hello), len(b))
	p.hello = append(p.hello, b[:n]...)
	if len(p.hello) < all {
		return nil
	}
	p.send(slices.Concat(p.hello[1:1+handshakeSize], p.canned.connect))
	p.hello = nil
	parser := newChunkParser()
	p.frames = &parser
	p.phase = max(p.phase, phaseCommanding)
	return b[n:]
}

func (p *player) acknowledge() {
	if p.ackEvery == 0 || p.received-p.acked < p.ackEvery {
		return
	}
	p.acked = p.received
	p.send(chunks(rtmp.Message{
		Type: rtmp.TypeAcknowledgement, Payload: binary.BigEndian.AppendUint32(nil, uint32(p.received)),
	}))
}

// message implements messageSink.
func (p *player) message(kind byte, _ uint32, length int, head []byte) error {
	switch rtmp.MessageType(kind) {
	case rtmp.TypeAudio, rtmp.TypeVideo:
		p.media(kind, length, head)
	case rtmp.TypeWindowSize:
		if len(head) >= 4 {
			p.ackEvery = uint64(binary.BigEndian.Uint32(head))
		}
	case rtmp.TypePeerBandwidth:
		if len(head) >= 4 && !p.answered {
			p.answered = true
			p.send(chunks(rtmp.WindowSize(binary.BigEndian.Uint32(head))))
		}
	case rtmp.TypeUserControl:
		u, err := rtmp.ParseUserControl(head)
		if err == nil && u.Event == rtmp.EventPingRequest {
			p.send(chunks(rtmp.UserControl{Event: rtmp.EventPingResponse, Value: u.Value}.Message()))
		}
	case rtmp.TypeCommandAMF0, rtmp.TypeCommandAMF3:
		c, err := readCommand(kind, head)
		if err != nil {
			return err
		}
		return p.command(c)
	}
	return nil
}

func (p *player) command(c command) error {
	switch {
	case c.name == "_result" && c.transaction == 1:
		p.send(p.canned.create)
	case c.name == "_result" && c.transaction == 2:
		command := p.canned.play
		if id := uint32(c.number); id != playStreamID {
			var err error
			if command, err = playCommand(p.canned.name, id); err != nil {
				return err
			}
		}
		p.send(command)
		p.play()
	}
	return nil
}

// trickle reads what a slow player's rate allows for the time that has passed.
func (p *player) trickle(passed time.Duration, rate int) {
	if p.phase != phasePlaying {
		return
	}
	p.budget = min(p.budget+passed.Seconds()*float64(rate), float64(rate))
	if p.budget < 1 {
		return
	}
	before := p.received
	p.read(int(p.budget))
	p.budget -= float64(p.received - before)
}

// end closes the connection for the given reason, once.
func (p *player) end(reason error) {
	if p.phase == phaseEnded {
		return
	}
	if errors.Is(reason, unix.ECONNRESET) {
		reason = unix.ECONNRESET
	}
	p.phase, p.reason = phaseEnded, reason
	p.out, p.hello, p.stash = nil, nil, nil
	p.worker.hangUp(p)
	p.worker.gone(&p.viewer)
}
