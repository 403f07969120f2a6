package apps

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/streams"
)

// push is one publication on another server. A goroutine, run, does all of it: it copies from the source into the
// connection, and waits where the other server does not keep up, so that the source is skipped in.
type push struct {
	out     *Outgoing
	name    string
	kind    string
	context context.Context // ends when nothing more is to be copied
	finish  context.CancelFunc
	wake    chan struct{}
	before  <-chan struct{} // closed when what was published before has ended; the name may be the same
	done    chan struct{}
	began   atomic.Int64 // when the other server agreed, nanoseconds since 1970, 0 before
	refused atomic.Bool  // the other server has said that it is over

	mu     sync.Mutex
	source string
	data   [][]byte // payloads of data messages that wait
}

func newPush(o *Outgoing, name, kind string, before *push) *push {
	p := &push{out: o, name: name, kind: kind, source: o.source, wake: make(chan struct{}, 1), done: make(chan struct{})}
	if before != nil {
		p.before = before.done
	}
	p.context, p.finish = context.WithCancel(o.context)
	return p
}

// Wake has run look for what is new.
func (p *push) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *push) attach(source string) {
	p.mu.Lock()
	p.source = source
	p.mu.Unlock()
	p.Wake()
}

// maxWaitingData is how many data messages may wait.
const maxWaitingData = 256

// send queues a data message. It reports false when too many wait.
func (p *push) send(payload []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.data) >= maxWaitingData {
		return false
	}
	p.data = append(p.data, payload)
	p.Wake()
	return true
}

// wanted returns what is to be copied, and what has been sent since it was last asked for.
func (p *push) wanted() (source string, data [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	data, p.data = p.data, nil
	return p.source, data
}

func (p *push) time() time.Duration {
	if began := p.began.Load(); began != 0 {
		return time.Since(time.Unix(0, began))
	}
	return 0
}

func (p *push) run() {
	defer close(p.done)
	defer p.finish()
	if p.before != nil {
		<-p.before
	}
	err := p.publish()
	p.out.ended(p, p.began.Load() != 0, err)
}

// publish publishes until there is no more to be copied or the connection ends.
func (p *push) publish() error {
	stream, err := p.out.client.CreateStream(p.context, netconn.StreamEvents{Status: p.told})
	if err != nil {
		return err
	}
	if err := stream.Publish(p.context, p.name, p.kind); err != nil {
		_ = stream.Close()
		return err
	}
	p.began.Store(time.Now().UnixNano())
	if p.refused.Load() {
		p.finish()
	}
	c := copier{push: p, stream: stream}
	err = c.copy()
	p.leave(stream)
	return err
}

// leaveTime is for how long what has been taken from the source may be sent after the end.
const leaveTime = 5 * time.Second

func (p *push) leave(stream *netconn.ClientStream) {
	ctx, cancel := context.WithTimeout(p.out.context, leaveTime)
	defer cancel()
	if stream.Unpublish(ctx, p.name) != nil {
		_ = stream.Close()
	}
}

// told is called by the connection's reader for what the other server says of the stream.
func (p *push) told(st netconn.Status) {
	if st.Details == "" { // nginx-rtmp leaves it out
		st.Details = streamName(p.name)
	}
	p.out.tell(st)
	if st.Level == netconn.LevelError {
		p.refused.Store(true)
		if p.began.Load() != 0 {
			p.finish()
		}
	}
}

// copier copies what is attached to a push into a stream of the other server.
type copier struct {
	push   *push
	stream *netconn.ClientStream
	source string
	sub    *streams.Subscriber // nil without a source
	clock  clock
}

func (c *copier) copy() error {
	defer c.follow("")
	p := c.push
	for {
		if err := c.copyAll(); err != nil {
			return err
		}
		select {
		case <-p.wake:
		case <-p.context.Done():
			return p.context.Err()
		case <-p.out.client.Done():
			return p.out.client.Err()
		}
	}
}

// copyAll copies what there is now.
func (c *copier) copyAll() error {
	for {
		source, data := c.push.wanted()
		c.follow(source)
		for _, payload := range data {
			if err := c.stream.Write(c.push.context, media.NewPacket(media.KindData, c.clock.last, payload)); err != nil {
				return err
			}
		}
		if c.sub == nil {
			return nil
		}
		item, ok := c.sub.Next()
		if !ok {
			return nil
		}
		if item.Packet == nil {
			continue // publishers of the source come and go; its time goes on
		}
		if err := c.write(item.Packet); err != nil {
			return err
		}
	}
}

// follow changes the source.
func (c *copier) follow(source string) {
	if source == c.source {
		return
	}
	c.source = source
	if c.sub != nil {
		c.sub.Close()
		c.sub = nil
	}
	if source != "" {
		c.sub = c.push.out.instance.hub.Subscribe(source, streams.SubscribeOptions{Waker: c.push})
		c.clock.splice()
	}
}

func (c *copier) write(p *media.Packet) error {
	if p.Kind == media.KindData {
		_, kept := c.sub.KeptAs(p)
		var ok bool
		if p, ok = published(p, kept || dataHandler(p) == "onMetaData"); !ok {
			return nil
		}
	}
	return c.stream.Write(c.push.context, c.clock.place(p))
}

// published is the form of a data message for another server: AMF0, which all of them know, behind @setDataFrame if the
// server is to keep it. It reports false for what AMF0 has no word for.
func published(p *media.Packet, keep bool) (*media.Packet, bool) {
	if !keep && !p.DataIsAMF3 {
		return p, true
	}
	var payload []byte
	if keep {
		payload = amf.AppendString0(nil, setDataFrame)
	}
	if !p.DataIsAMF3 {
		return media.NewPacket(p.Kind, p.Timestamp, append(payload, p.Payload...)), true
	}
	values, err := amf.DecodeExtended(p.Payload, &amf.Options{})
	if err != nil {
		return nil, false
	}
	if payload, err = amf.Append0(payload, values...); err != nil {
		return nil, false
	}
	return media.NewPacket(p.Kind, p.Timestamp, payload), true
}

// clock gives packets of one source after another their places in one time.
type clock struct {
	last    uint32 // newest timestamp, milliseconds
	has     bool   // there is one
	shift   uint32
	pending bool // the next frame is the first of another source
}

// splice tells that what follows is of another source.
func (c *clock) splice() { c.pending, c.shift = true, 0 }

func (c *clock) place(p *media.Packet) *media.Packet {
	if c.pending && (p.Kind == media.KindData || p.Config || p.Metadata) {
		if c.has {
			p = p.WithTimestamp(c.last + 1)
		}
		return p
	}
	if c.pending {
		c.pending = false
		if c.has {
			c.shift = c.last + 1 - p.Timestamp
		}
	}
	if c.shift != 0 {
		p = p.WithTimestamp(p.Timestamp + c.shift)
	}
	if !c.has || media.Before(c.last, p.Timestamp) {
		c.last, c.has = p.Timestamp, true
	}
	return p
}
