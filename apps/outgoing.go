package apps

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
)

// Outgoing publishes streams of this instance on another server: the NetStream of applications (server-side-api 2.7). What
// is attached is published, from its newest keyframe on and behind what players must know first, whoever publishes it here
// and whenever; another stream can be attached meanwhile. A server that does not keep up misses what a slow player would.
//
// The methods belong to the instance's goroutine and do not wait. What becomes of them is told to the status function
// there: what the other server says of the stream, and NetStream.Unpublish.Success. Nothing is tried again.
type Outgoing struct {
	instance *Instance
	client   *netconn.Client
	status   func(netconn.Status)
	source   string // what is attached, "" for nothing
	buffer   time.Duration
	push     *push // what publishes, nil while nothing does
	last     *push // what was begun last
	closed   bool
	context  context.Context // ends with the object
	cancel   context.CancelFunc
	work     sync.WaitGroup
}

// Outgoing returns an object that publishes over a connection. status, which may be nil, is called on the instance's
// goroutine. The object must be closed, at the latest when [Application.Stopped] tells that the instance has stopped.
func (i *Instance) Outgoing(client *netconn.Client, status func(netconn.Status)) *Outgoing {
	o := &Outgoing{instance: i, client: client, status: status}
	o.context, o.cancel = context.WithCancel(context.Background())
	return o
}

// Attach makes a stream of the instance the source.
func (o *Outgoing) Attach(name string) {
	o.source = streamName(name)
	if o.push != nil {
		o.push.attach(o.source)
	}
}

// Detach leaves what is published without a source.
func (o *Outgoing) Detach() { o.Attach("") }

// Attached returns the name of the source, "" if there is none.
func (o *Outgoing) Attached() string { return o.source }

// Publish begins to publish under a name, with the query that the other server may want, instead of what was published
// before. kind is live, record, append or appendWithGap; empty is live. It reports false when the name or the kind is
// none or the object is closed.
func (o *Outgoing) Publish(name, kind string) bool {
	kind, known := publishKind(kind)
	if o.closed || !known || !validStreamName(streamName(name)) {
		return false
	}
	o.Unpublish()
	o.push = newPush(o, name, kind, o.last)
	o.last = o.push
	o.work.Go(o.push.run)
	return true
}

func publishKind(kind string) (string, bool) {
	switch strings.ToLower(kind) {
	case "", "live":
		return "live", true
	case "record", "append":
		return strings.ToLower(kind), true
	case "appendwithgap":
		return "appendWithGap", true
	}
	return "", false
}

// Unpublish ends publishing when what has been taken from the source is sent.
func (o *Outgoing) Unpublish() {
	if o.push != nil {
		o.push.finish()
		o.push = nil
	}
}

// Publishing says whether the object publishes, or has begun to.
func (o *Outgoing) Publishing() bool { return o.push != nil }

// Send publishes a data message at the time of what was published last. @setDataFrame and @clearDataFrame are left to the
// other server. It reports false when nothing is published, too much waits already, and when the values cannot be written
// as AMF0.
func (o *Outgoing) Send(handler string, args ...amf.Value) bool {
	if o.push == nil {
		return false
	}
	payload, err := amf.Append0(nil, append([]amf.Value{handler}, args...)...)
	return err == nil && o.push.send(payload)
}

// Time returns for how long the other server has taken what is published; 0 when it does not.
func (o *Outgoing) Time() time.Duration {
	if o.push == nil {
		return 0
	}
	return o.push.time()
}

// SetBufferTime sets what BufferTime returns. What waits to be sent is bounded by bytes and by play.maxLag instead.
func (o *Outgoing) SetBufferTime(d time.Duration) { o.buffer = max(0, d) }

// BufferTime returns what SetBufferTime was given.
func (o *Outgoing) BufferTime() time.Duration { return o.buffer }

// Close ends publishing at once and waits for what sent. It tells nobody; closing again does nothing.
func (o *Outgoing) Close() {
	if o.closed {
		return
	}
	o.closed, o.push = true, nil
	o.cancel()
	o.work.Wait()
}

func (o *Outgoing) tell(st netconn.Status) {
	if o.status != nil {
		o.later(func() { o.status(st) })
	}
}

func (o *Outgoing) later(f func()) {
	o.instance.Do(func() {
		if !o.closed {
			f()
		}
	})
}

// ended tells what became of a publication. It is called by its goroutine.
func (o *Outgoing) ended(p *push, began bool, err error) {
	var st netconn.Status
	switch {
	case began:
		o.tell(netconn.Status{Code: netconn.UnpublishSuccess, Details: streamName(p.name)})
	case errors.Is(err, context.Canceled): // by Unpublish
	case errors.As(err, &st) && p.refused.Load(): // has been told
	default:
		o.tell(netconn.Status{Code: netconn.StreamFailed, Details: streamName(p.name), Description: "Publishing failed: " + err.Error()})
	}
	o.later(func() {
		if o.push == p {
			o.push = nil
		}
	})
}
