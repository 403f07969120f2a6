package netconn

import (
	"encoding/binary"
	"fmt"
	"sync"
)

// Relay is the way to somebody else who serves a client in this server's place. What [ConnectAnswer] has one for is asked nothing
// more: everything that the client sends goes there as it came, and everything that comes from there goes to the client. Whoever
// makes a Relay has sent the connect command there already, and been accepted.
type Relay interface {
	// Start begins to bring what comes from there to r, from the answer to connect on. It does not wait.
	Start(r *Relayed)
	// Forward takes what the client sends, in order. It does not wait. The answer false keeps the client's messages back until
	// [Relayed.Resume] is called.
	Forward(m Message) (more bool)
	// Moved tells that the client has another address.
	Moved(far Far)
	// Close tells that the client has gone. It may come without a Start.
	Close()
}

// Relayed is the client's end of a Relay. Its methods are the Relay's to call, from one goroutine but for Resume.
//
// It reads along as far as the client's transport has to know something: which streams there are, which of them publish, and what
// their media may wait for. Nothing else of a message is decoded.
type Relayed struct {
	conn     *Conn
	relay    Relay
	delivery Delivery
	gone     <-chan struct{} // closed when the client has gone

	mu      sync.Mutex
	ended   bool
	creates []float64 // transactions of createStream commands without an answer
	streams map[uint32]*relayedStream
}

// relayedStream is a NetStream of a client that is served elsewhere.
type relayedStream struct {
	source     *relayedSource // nil before there was media
	lifetimes  Lifetimes
	publishing bool // or about to
}

// ending tells those who ask of the end of a connection. Most connections have nobody who does.
type ending struct {
	mu   sync.Mutex
	over bool
	told chan struct{}
}

// Ended returns a channel that is closed when the client has gone, for whoever does something for it meanwhile.
func (c *Conn) Ended() <-chan struct{} {
	e := &c.ending
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.told == nil {
		e.told = make(chan struct{})
		if e.over {
			close(e.told)
		}
	}
	return e.told
}

func (e *ending) tell() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	if e.told != nil {
		close(e.told)
	}
}

// relayTo makes the connection a pipe.
func (c *Conn) relayTo(a ConnectAnswer) {
	c.transport.Accepted()
	c.accepted.Store(true)
	c.early = nil
	c.relayed = &Relayed{conn: c, relay: a.Relay, delivery: a.Delivery, gone: c.Ended(), streams: make(map[uint32]*relayedStream)}
	a.Relay.Start(c.relayed)
}

// Resume takes the client's messages again that Forward has kept back. It may be called from any goroutine, once for each time.
func (r *Relayed) Resume() { r.conn.Release() }

// End ends the client's connection because the other end has: with the status, or without a word if it has no code.
func (r *Relayed) End(s Status) { r.conn.Disconnect(s) }

// close ends the relay with its client. It is an affair of the connection's.
func (r *Relayed) close() {
	r.mu.Lock()
	r.ended = true
	for id, s := range r.streams {
		r.drop(id, s)
	}
	r.mu.Unlock()
	r.relay.Close()
}

// drop forgets a stream. The caller holds mu.
func (r *Relayed) drop(id uint32, s *relayedStream) {
	delete(r.streams, id)
	if s.source != nil {
		s.source.close()
		r.conn.transport.Detach(id)
	}
}

// forward passes on what the client has sent. It is an affair of the connection's.
func (r *Relayed) forward(m Message) error {
	pass := true
	if m.Type == TypeCommandAMF0 || m.Type == TypeCommandAMF3 {
		var err error
		if pass, err = r.follow(m); err != nil {
			return err
		}
	}
	if pass && !r.relay.Forward(m) {
		r.conn.exec.ask()
	}
	return nil
}

// mostCreates is how many createStream commands may be without an answer.
const mostCreates = 1024

// follow notes what a command of the client's means for its transport. It reports false for one that concerns the transport alone.
func (r *Relayed) follow(m Message) (pass bool, err error) {
	name, transaction, err := commandHead(m)
	if err != nil {
		return false, err
	}
	switch name {
	case "createStream":
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.creates) >= mostCreates {
			return false, fmt.Errorf("%w: %d createStream commands wait for an answer", ErrLimit, len(r.creates))
		}
		r.creates = append(r.creates, transaction)
	case "deleteStream":
		return true, r.deleteStream(m)
	case "publish":
		r.publishes(m.StreamID, true)
	case "play":
		return true, r.play(m)
	case "setPeerInfo":
		if _, ok := r.conn.transport.(PeerTransport); ok {
			return false, r.peerInfo(m)
		}
	}
	return true, nil
}

// deleteStream closes a stream before the other end hears of it: what still comes for it is dropped.
func (r *Relayed) deleteStream(m Message) error {
	cmd, err := parseCommand(m)
	if err != nil {
		return err
	}
	id, ok := streamID(cmd.arg(0))
	if !ok {
		id = cmd.streamID
	}
	r.mu.Lock()
	s := r.streams[id]
	if s != nil {
		r.drop(id, s)
	}
	r.mu.Unlock()
	if s != nil {
		r.conn.transport.StreamClosed(id)
		r.publishingChanged()
	}
	return nil
}

// play notes how long media may wait, as the client wants it. It holds for a stream that has not played yet.
func (r *Relayed) play(m Message) error {
	cmd, err := parseCommand(m)
	if err != nil {
		return err
	}
	_, query := splitName(cmd.stringArg(0))
	if len(query) > maxQuery {
		return nil // will be refused
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.streams[m.StreamID]; s != nil {
		s.lifetimes = r.delivery.Lifetimes.override(query)
	}
	return nil
}

func (r *Relayed) peerInfo(m Message) error {
	cmd, err := parseCommand(m)
	if err != nil {
		return err
	}
	return r.conn.peerInfo(cmd)
}

// publishes notes whether a stream publishes, or is about to: the client may then send large messages.
func (r *Relayed) publishes(id uint32, on bool) {
	r.mu.Lock()
	s := r.streams[id]
	if s != nil {
		s.publishing = on
	}
	r.mu.Unlock()
	if s != nil {
		r.publishingChanged()
	}
}

// publishingChanged tells the transport whether any stream publishes.
func (r *Relayed) publishingChanged() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.streams {
		if s.publishing {
			r.conn.transport.Publishing(true)
			return
		}
	}
	r.conn.transport.Publishing(false)
}

// commandHead returns a command's name and transaction. The usual way of writing them is read without decoding anything.
func commandHead(m Message) (name string, transaction float64, err error) {
	b := m.Payload
	if m.Type == TypeCommandAMF3 && len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	const head, number = 3, 9 // a marker and a length, a marker and eight bytes
	if len(b) >= head && b[0] == markerString {
		n := head + int(binary.BigEndian.Uint16(b[1:]))
		if len(b) >= n+number && b[n] == markerNumber {
			return string(b[head:n]), numberAt(b[n+1:]), nil
		}
	}
	cmd, err := parseCommand(m)
	if err != nil {
		return "", 0, err
	}
	return cmd.name, cmd.transaction, nil
}
