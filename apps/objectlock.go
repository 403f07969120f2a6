package apps

import (
	"slices"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
)

// batch is what the application changes while it holds the lock of a shared object: the last of each property.
type batch struct {
	events []netconn.SharedObjectEvent
	marks  []netconn.SharedObjectEvent // what is called behind the changes
}

func (b *batch) add(e netconn.SharedObjectEvent) {
	if e.Type == netconn.SOClear {
		b.events = []netconn.SharedObjectEvent{e}
		return
	}
	at := slices.IndexFunc(b.events, func(x netconn.SharedObjectEvent) bool { return x.Name == e.Name && x.Type != netconn.SOClear })
	if at >= 0 {
		b.events = slices.Delete(b.events, at, at+1)
	}
	b.events = append(b.events, e)
}

// Lock begins a batch: until as many calls of Unlock, what clients want waits and what the application changes is kept
// together. It returns how deep locks are nested, from 0, and -1 for an object that has its owner elsewhere.
func (o *SharedObject) Lock() int {
	if o.closed || o.owner != nil {
		return -1
	}
	return o.state.Lock() - 1
}

// Unlock ends what Lock began and returns how deep locks are still nested. The last one sends one update with one new
// version, and lets the clients go on.
func (o *SharedObject) Unlock() int {
	if o.closed || o.owner != nil || !o.state.Locked() {
		return -1
	}
	if left := o.state.Unlock(); left > 0 {
		return left
	}
	o.unlocked()
	return 0
}

// Mark has a handler called on everybody when the changes of the lock that is held have reached them; without a lock it is
// called at once.
func (o *SharedObject) Mark(handler string, args ...amf.Value) {
	e := netconn.SharedObjectEvent{Type: netconn.SOSend, Name: handler, Args: args}
	if o.closed {
		return
	}
	if !o.state.Locked() {
		o.broadcast(nil, e)
		return
	}
	const most = 10000 // nobody means more
	if len(o.batch.marks) < most {
		o.batch.marks = append(o.batch.marks, e)
	}
}

// unlocked sends what was changed under the lock.
func (o *SharedObject) unlocked() {
	if o.broken != nil {
		o.broken.Stop()
		o.broken = nil
	}
	b := o.batch
	o.batch = batch{}
	o.wrote(b.events...)
	o.broadcast(nil, append(b.events, b.marks...)...)
	o.store()
	o.resume()
}

// resume does what clients have asked for meanwhile, up to a listener's new lock.
func (o *SharedObject) resume() {
	queue := o.queue
	o.queue = nil
	for n, q := range queue {
		q.client.Release()
		o.instance.sharedObject(q.client, q.message)
		if o.state.Locked() { // by a listener; what waits already is the rest of this message
			o.queue = append(o.queue, queue[n+1:]...)
			o.bound()
			return
		}
	}
}

// discard drops all that waits.
func (o *SharedObject) discard() {
	for _, q := range o.queue {
		q.client.Release()
	}
	o.queue = nil
}

// unlockAll breaks whatever lock there is.
func (o *SharedObject) unlockAll() {
	if !o.state.Locked() {
		return
	}
	for o.state.Unlock() > 0 {
	}
	o.unlocked()
}

// wait keeps a client's message until the lock is given back, and has the client wait.
func (o *SharedObject) wait(c *Client, m *netconn.SharedObjectMessage) {
	c.Hold()
	o.queue = append(o.queue, queuedMessage{c, m})
	o.bound()
}

// waits says whether something that the client has sent waits for the end of the lock.
func (o *SharedObject) waits(c *Client) bool {
	return slices.ContainsFunc(o.queue, func(q queuedMessage) bool { return q.client == c })
}

// forget drops what a client that has gone has asked for and not got yet.
func (o *SharedObject) forget(c *Client) {
	o.queue = slices.DeleteFunc(o.queue, func(q queuedMessage) bool { return q.client == c })
}

// bound has the lock broken when a client has waited for too long.
func (o *SharedObject) bound() {
	limit := o.instance.settings().SharedObjects.LockTimeout
	if limit <= 0 || o.broken != nil || len(o.queue) == 0 {
		return
	}
	var t *time.Timer
	t = time.AfterFunc(limit, func() {
		o.instance.Do(func() {
			if o.broken == t && !o.closed {
				o.instance.log().Warn("lock of a shared object broken", "object", o.key.name, "after", limit)
				o.unlockAll()
			}
		})
	})
	o.broken = t
}
