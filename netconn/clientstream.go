package netconn

import (
	"context"
	"slices"
	"sync"

	"afterglow/amf"
	"afterglow/media"
)

// outboxLimit is how much may wait in a publishing stream before Write waits, in bytes.
const outboxLimit = 1 << 20

// StreamEvents is what a client wants to hear of a NetStream. They are called by the transport's reader, in order.
type StreamEvents struct {
	Status func(Status)
	// Packet gets audio, video and data messages of a stream that is played.
	Packet func(*media.Packet)
	// Call gets other commands on the stream.
	Call func(method string, args []amf.Value)
}

// ClientStream is a client's end of a NetStream.
type ClientStream struct {
	client   *Client
	id       uint32
	events   StreamEvents
	statuses chan Status // the newest, for those who wait
	outbox   outbox

	lifetimes Lifetimes
}

// SetLifetimes says how long what is published may wait for the network, from the next Publish on.
func (s *ClientStream) SetLifetimes(l Lifetimes) { s.lifetimes = l }

// ID returns the message stream ID.
func (s *ClientStream) ID() uint32 { return s.id }

func (s *ClientStream) status(st Status) {
	select {
	case s.statuses <- st:
	default:
	}
	if s.events.Status != nil {
		s.events.Status(st)
	}
}

func (s *ClientStream) send(name string, args ...amf.Value) error {
	return s.client.send(s.id, name, 0, append([]amf.Value{nil}, args...)...)
}

// until waits for one of the codes, or a status of level error, which it returns.
func (s *ClientStream) until(ctx context.Context, codes ...Code) error {
	for {
		select {
		case st := <-s.statuses:
			if slices.Contains(codes, st.Code) {
				return nil
			}
			if st.Level == LevelError {
				return st
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-s.client.Done():
			return s.client.explain(ErrDisconnected)
		}
	}
}

func (s *ClientStream) forget() {
	for len(s.statuses) > 0 {
		<-s.statuses
	}
}

// Publish begins to publish under a name, as encoders do, and waits until the server agrees. kind is live, record,
// append or appendWithGap. A refusal is returned as a Status.
func (s *ClientStream) Publish(ctx context.Context, name, kind string) error {
	c := s.client
	s.forget()
	for _, method := range []string{"releaseStream", "FCPublish"} {
		// Servers that do not know these answer with an error, which nobody minds.
		if err := c.start(method, nil, func(Result) {}, name); err != nil {
			return err
		}
	}
	// The server shall have released the name before it is asked for it.
	if err := c.flush(ctx, 0); err != nil {
		return err
	}
	if err := s.send("publish", name, kind); err != nil {
		return err
	}
	if err := s.until(ctx, PublishStart); err != nil {
		return err
	}
	s.outbox.waker = c.transport.Attach(s.id, &s.outbox, Delivery{Mode: WriteOff, Lifetimes: s.lifetimes})
	return nil
}

// Unpublish ends publishing once everything written has been handed to the transport.
func (s *ClientStream) Unpublish(ctx context.Context, name string) error {
	if err := s.outbox.drained(ctx); err != nil {
		return err
	}
	if err := s.Flush(ctx); err != nil {
		return err
	}
	_ = s.client.start("FCUnpublish", nil, func(Result) {}, name)
	return s.Close()
}

// Flush waits until everything handed to the transport is delivered, or given up, where its messages can overtake each other. Else
// it does not wait.
func (s *ClientStream) Flush(ctx context.Context) error { return s.client.flush(ctx, s.id) }

// flush is ClientStream.Flush, for the connection's own messages with stream 0.
func (c *Client) flush(ctx context.Context, streamID uint32) error {
	f, ok := c.transport.(Flusher)
	if !ok {
		return nil
	}
	select {
	case <-f.Flushed(streamID):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.Done():
		return c.explain(ErrDisconnected)
	}
}

// Write publishes a packet. It waits while more than a megabyte is unsent.
func (s *ClientStream) Write(ctx context.Context, p *media.Packet) error {
	if err := s.outbox.put(ctx, p); err != nil {
		return s.client.explain(err)
	}
	if w := s.outbox.waker; w != nil {
		w.Wake()
	}
	return nil
}

// SetDataFrame publishes a data message that the server keeps for those who join later.
func (s *ClientStream) SetDataFrame(ctx context.Context, timestamp uint32, handler string, values ...amf.Value) error {
	payload, err := amf.Append0(nil, append([]amf.Value{"@setDataFrame", handler}, values...)...)
	if err != nil {
		return err
	}
	return s.Write(ctx, media.NewPacket(media.KindData, timestamp, payload))
}

// Play begins to play a name and waits until the server agrees. start and duration are in milliseconds;
// PlayLiveOrRecorded and PlayLive are starts, a negative duration has no end.
func (s *ClientStream) Play(ctx context.Context, name string, start, duration float64) error {
	s.forget()
	if start < 0 {
		start *= 1000
	}
	buffer := Message{Type: TypeUserControl, Payload: []byte{0, eventSetBufferLength,
		byte(s.id >> 24), byte(s.id >> 16), byte(s.id >> 8), byte(s.id), 0, 0, 3, 0xE8}}
	s.client.transport.Send(buffer, Treatment{Class: ClassControl})
	if err := s.send("play", name, start, duration, true); err != nil {
		return err
	}
	return s.until(ctx, PlayStart)
}

// PlayDirect begins to play what a peer publishes, on a stream of AdoptStream, and waits until the peer begins (RFC 7425 section
// 5.4.1).
func (s *ClientStream) PlayDirect(ctx context.Context, name string) error {
	s.forget()
	if err := s.send("play", name); err != nil {
		return err
	}
	return s.until(ctx, PlayStart)
}

// Send sends a command on the stream: pause, receiveVideo and the like.
func (s *ClientStream) Send(name string, args ...amf.Value) error { return s.send(name, args...) }

// Close stops whatever the stream does and gives it back to the server.
func (s *ClientStream) Close() error {
	s.client.mu.Lock()
	delete(s.client.streams, s.id)
	s.client.mu.Unlock()
	s.client.transport.Detach(s.id)
	s.outbox.close()
	err := s.client.send(0, "deleteStream", 0, nil, float64(s.id))
	s.client.transport.StreamClosed(s.id)
	return err
}

// outbox is a Source of packets that somebody writes, bounded in bytes.
type outbox struct {
	waker Waker
	limit int

	mu      sync.Mutex
	packets []*media.Packet
	bytes   int
	closed  bool
	changed chan struct{} // closed and renewed when packets were taken; nil when nobody waits
}

// Feed is nil: nobody else sends these packets.
func (o *outbox) Feed() any { return nil }

// Next hands out the oldest packet.
func (o *outbox) Next(int) (Out, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.packets) == 0 {
		return Out{}, false
	}
	p := o.packets[0]
	o.packets[0] = nil
	o.packets = o.packets[1:]
	o.bytes -= len(p.Payload)
	o.notify()
	return Out{Packet: p}, true
}

func (o *outbox) notify() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}

// wait waits until ready, which is asked with mu held, says so.
func (o *outbox) wait(ctx context.Context, ready func() bool) error {
	for {
		o.mu.Lock()
		if o.closed {
			o.mu.Unlock()
			return ErrDisconnected
		}
		if ready() {
			o.mu.Unlock()
			return nil
		}
		if o.changed == nil {
			o.changed = make(chan struct{})
		}
		changed := o.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (o *outbox) put(ctx context.Context, p *media.Packet) error {
	return o.wait(ctx, func() bool {
		if o.bytes > o.limit {
			return false
		}
		o.packets = append(o.packets, p)
		o.bytes += len(p.Payload)
		return true
	})
}

func (o *outbox) drained(ctx context.Context) error {
	return o.wait(ctx, func() bool { return len(o.packets) == 0 })
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.packets, o.bytes = nil, 0
	o.notify()
}
