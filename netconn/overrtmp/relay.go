package overrtmp

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"afterglow/netconn"
	"afterglow/rtmp"
)

// relayChunk is the size of chunks between processes: nearly every message is one.
const relayChunk = 1 << 20

// mostForwarded is how many bytes of a client's messages wait for the other process before the client has to wait.
const mostForwarded = 256 << 10

// Relay hands a client over to another process: it is the netconn.Relay to a [RelayListener], over one connection for each client.
type Relay struct {
	conn  *rtmp.Conn
	early []netconn.Message // what has come with the answer to connect
	to    *netconn.Relayed  // set by Start

	gathering sync.Mutex // guards gather
	gather    rtmp.Gather

	mu    sync.Mutex
	queue []rtmp.Message
	bytes int  // that wait in the queue
	held  bool // the client waits
}

// RelayOptions are how OpenRelay works. The zero value is ready to use.
type RelayOptions struct {
	// WriteTimeout is how long the other process may take nothing while something waits for it. Default 20 s.
	WriteTimeout time.Duration
}

// OpenRelay says hello over nc, passes the client's connect command on and waits for the answer. A rejection is returned as a
// netconn.Status. It closes nc if it fails. ctx bounds the opening only.
func OpenRelay(ctx context.Context, nc net.Conn, h Hello, connect netconn.Message, o RelayOptions) (*Relay, error) {
	r, err := openRelay(ctx, nc, h, connect, o)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return r, nil
}

func openRelay(ctx context.Context, nc net.Conn, h Hello, connect netconn.Message, o RelayOptions) (*Relay, error) {
	setBuffers(nc)
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	head, err := h.append(nil)
	if err != nil {
		return nil, err
	}
	if _, err := nc.Write(head); err != nil {
		return nil, orDone(ctx, err)
	}
	dialer := rtmp.Dialer{Handshake: rtmp.HandshakePlain, WriteTimeout: o.WriteTimeout}
	conn, err := dialer.NewConn(ctx, nc)
	if err != nil {
		return nil, orDone(ctx, err)
	}
	conn.PassPings()
	r := &Relay{conn: conn}
	if err := conn.Send(rtmp.SetChunkSize(relayChunk), wireMessage(connect)); err != nil {
		return nil, orDone(ctx, err)
	}
	if err := r.awaitAnswer(); err != nil {
		return nil, orDone(ctx, err)
	}
	if !stop() {
		return nil, ctx.Err()
	}
	conn.SetSource((*forwarder)(r))
	return r, nil
}

// orDone prefers that there is no time left to what came of it.
func orDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// mostEarly is how many messages may come before the answer to connect.
const mostEarly = 64

// awaitAnswer reads until the answer to connect is there.
func (r *Relay) awaitAnswer() error {
	for len(r.early) < mostEarly {
		m, err := r.receive()
		if err != nil {
			return err
		}
		r.early = append(r.early, m)
		if answered, err := netconn.ConnectAnswered(m); answered || err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: %d messages before the answer to connect", netconn.ErrLimit, mostEarly)
}

// errGoodbye is the end that the other process has announced.
var errGoodbye = errors.New("the connection was ended")

func (r *Relay) receive() (netconn.Message, error) {
	m, err := r.conn.ReadMessage()
	if err != nil {
		return netconn.Message{}, err
	}
	out := netconn.Message{Type: uint8(m.Type), Timestamp: m.Timestamp, StreamID: m.StreamID, Payload: m.Payload}
	if privateEvent(out) {
		return out, errGoodbye
	}
	return out, nil
}

// Start begins to bring what comes.
func (r *Relay) Start(to *netconn.Relayed) {
	r.to = to
	go r.read()
}

// read brings messages to the client until the connection ends. An end that nobody has announced is the other process's.
func (r *Relay) read() {
	defer r.conn.Close()
	early := r.early
	r.early = nil
	for _, m := range early {
		r.to.Deliver(m)
	}
	for {
		m, err := r.receive()
		switch {
		case err == nil:
			r.to.Deliver(m)
		case errors.Is(err, errGoodbye):
			r.to.End(netconn.Status{})
			return
		default:
			r.to.End(netconn.Status{Code: netconn.ConnectAppShutdown})
			return
		}
	}
}

// Moved tells the other process where the client is now.
func (r *Relay) Moved(far netconn.Far) {
	text, err := json.Marshal(far)
	if err != nil {
		return
	}
	payload := binary.BigEndian.AppendUint16(nil, uint16(eventMoved))
	_ = r.conn.Send(rtmp.Message{Type: rtmp.TypeUserControl, Payload: append(payload, text...)})
}

// Forward queues a message for the other process and writes what its socket can take.
func (r *Relay) Forward(m netconn.Message) (more bool) {
	if privateEvent(m) {
		return true
	}
	r.mu.Lock()
	r.queue = append(r.queue, wireMessage(m))
	r.bytes += len(m.Payload) + queuedOverhead
	r.mu.Unlock()
	r.gathering.Lock()
	r.conn.Flush(&r.gather)
	r.gathering.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = r.bytes > mostForwarded
	return !r.held
}

// queuedOverhead is what a queued message counts for beside its payload, in bytes.
const queuedOverhead = 64

// Close ends the connection to the other process, which takes it for the client's end.
func (r *Relay) Close() { _ = r.conn.Close() }

// forwarder is the relay as an rtmp.Source: what waits is taken when the socket has room.
type forwarder Relay

// Pull adds what waits to a write.
func (f *forwarder) Pull(g *rtmp.Gather) {
	r := (*Relay)(f)
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for ; n < len(r.queue) && !g.Full(); n++ {
		m := &r.queue[n]
		g.Add(rtmp.AppendChunks(nil, m, rtmp.ChunkStreamFor(m.Type), relayChunk))
		r.bytes -= len(m.Payload) + queuedOverhead
	}
	r.queue = slices.Delete(r.queue, 0, n)
	if r.held && r.bytes <= mostForwarded/2 {
		r.held = false
		go r.to.Resume() // which may come back here
	}
}
