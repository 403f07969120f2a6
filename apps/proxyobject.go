package apps

import (
	"bytes"
	"errors"
	"slices"
	"sync/atomic"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/sharedobjects"
)

// proxied is the owner of a shared object that belongs to another instance: the object here is a copy, whose clients'
// wishes go to the owner (server-side-api 2.5, proxied objects).
type proxied struct {
	object  *SharedObject
	remote  remoteObject
	waiting map[string][]wish // what clients want a property to be and have no answer for, by property
}

// wish is what a client wants a property to be.
type wish struct {
	client *Client
	value  amf.Value
}

// remoteObject is what a proxied object needs of its owner: a netconn.RemoteSharedObject, or none.
type remoteObject interface {
	Set(name string, v amf.Value) error
	Delete(name string) error
	Send(handler string, args ...amf.Value) error
	Close() error
}

// errIdle is what becomes of changes while there is no connection to the owner.
var errIdle = errors.New("the shared object's owner is not connected")

// unowned discards what is asked of an owner that is not connected.
type unowned struct{}

func (unowned) Set(string, amf.Value) error     { return errIdle }
func (unowned) Delete(string) error             { return errIdle }
func (unowned) Send(string, ...amf.Value) error { return errIdle }
func (unowned) Close() error                    { return nil }

// ErrObjectInUse says that a shared object cannot be made a proxy any more: clients or the application use it already.
var ErrObjectInUse = errors.New("the shared object is in use already")

// ProxySharedObject returns an object that has its owner elsewhere. Until Attach names the owner, and after its connection
// has ended, what is asked of the object is discarded. It belongs to the instance's goroutine.
func (i *Instance) ProxySharedObject(name string, persistent bool) (*SharedObject, error) {
	key := objectKey{persistent, name}
	if o := i.objects[key]; o != nil {
		if o.owner == nil {
			return nil, ErrObjectInUse
		}
		o.held++
		return o, nil
	}
	if err := sharedobjects.ValidName(name); err != nil {
		return nil, err
	}
	if len(i.objects) >= i.settings().SharedObjects.MaxObjects {
		return nil, ErrTooManyObjects
	}
	// The copy is never stored: the owner does that.
	o := i.keep(key, sharedobjects.New(name, i.objectLimits()))
	o.manual = true
	o.owner = &proxied{object: o, remote: unowned{}, waiting: make(map[string][]wish)}
	o.held++
	return o, nil
}

// Proxied says whether the object has its owner elsewhere.
func (o *SharedObject) Proxied() bool { return o.owner != nil }

// mostNews is how many messages of an owner wait for the instance; an owner that sends more is disconnected.
const mostNews = 10000

// Attach follows the owner's object over a connection. It belongs to the instance's goroutine.
func (o *SharedObject) Attach(client *netconn.Client) error {
	p := o.owner
	if p == nil || o.closed {
		return ErrObjectClosed
	}
	_ = p.remote.Close()
	var remote *netconn.RemoteSharedObject
	var waiting atomic.Int32
	do := func(f func()) {
		if waiting.Add(1) > mostNews {
			client.Close() // what is left out could not be made up for
			return
		}
		o.instance.Do(func() {
			waiting.Add(-1)
			if !o.closed && p.remote == remoteObject(remote) {
				f()
			}
		})
	}
	options := netconn.SharedObjectOptions{
		Persistent: o.key.persistent,
		Sync: func(changes []netconn.SyncChange) {
			values := make([]amf.Value, len(changes)) // as they are with this message
			for n, c := range changes {
				values[n], _ = remote.Get(c.Name)
			}
			do(func() { p.synced(changes, values) })
		},
		Message: func(handler string, args []amf.Value) { do(func() { p.message(handler, args) }) },
		Status: func(s netconn.Status) {
			do(func() { o.instance.log().Warn("proxied shared object", "object", o.key.name, "status", s) })
		},
	}
	ready := make(chan struct{})
	sync := options.Sync
	options.Sync = func(changes []netconn.SyncChange) { <-ready; sync(changes) }
	var err error
	remote, err = client.SharedObject(o.key.name, options)
	close(ready)
	if err != nil {
		p.remote = unowned{}
		return err
	}
	p.remote = remote
	return nil
}

// Detach tells that the connection to the owner has ended.
func (o *SharedObject) Detach() {
	if o.owner != nil {
		o.owner.remote = unowned{}
		clear(o.owner.waiting)
	}
}

// forward passes on what a client wants.
func (p *proxied) forward(c *Client, m *netconn.SharedObjectMessage) {
	const mostWaiting = 1000
	for _, e := range m.Events {
		switch {
		case e.Type == netconn.SOSend:
			_ = p.remote.Send(e.Name, e.Args...)
		case e.Type == netconn.SORequestChange && e.Value != nil && e.Value != amf.Undefined:
			if p.remote.Set(e.Name, e.Value) == nil && len(p.waiting[e.Name]) < mostWaiting {
				p.waiting[e.Name] = append(p.waiting[e.Name], wish{c, e.Value})
			}
		default:
			_ = p.remote.Delete(e.Name)
		}
	}
}

// synced takes over what the owner has said, and tells the clients here.
func (p *proxied) synced(changes []netconn.SyncChange, values []amf.Value) {
	o := p.object
	var news proxyNews
	o.state.Begin()
	for n, c := range changes {
		p.take(c, values[n], &news)
	}
	o.state.Commit()
	news.tell(o)
	if o.listener.Sync != nil {
		o.listener.Sync(changes)
	}
}

// take makes the copy what the owner says.
func (p *proxied) take(c netconn.SyncChange, value amf.Value, news *proxyNews) {
	o := p.object
	switch {
	case c.Code == netconn.SyncCleared:
		o.state.Clear()
		news.add(netconn.SharedObjectEvent{Type: netconn.SOClear}, nil)
		return
	case c.Code == netconn.SyncDeleted || value == nil:
		o.state.Delete(c.Name)
		delete(p.waiting, c.Name)
		news.add(netconn.SharedObjectEvent{Type: netconn.SORemove, Name: c.Name}, nil)
		return
	}
	if _, err := o.state.Set(c.Name, value); err != nil {
		o.instance.log().Warn("proxied shared object", "object", o.key.name, "property", clip(c.Name), "reason", err)
		return
	}
	who := p.granted(c, value)
	delete(p.waiting, c.Name)
	news.add(netconn.SharedObjectEvent{Type: netconn.SOChange, Name: c.Name, Value: value}, who)
}

// proxyNews is what one message of the owner means to the clients here.
type proxyNews struct {
	events []netconn.SharedObjectEvent
	own    map[*Client][]int // which of them are success to a client, who asked for it
}

func (n *proxyNews) add(e netconn.SharedObjectEvent, asker *Client) {
	if asker != nil {
		if n.own == nil {
			n.own = make(map[*Client][]int)
		}
		n.own[asker] = append(n.own[asker], len(n.events))
	}
	n.events = append(n.events, e)
}

func (n *proxyNews) tell(o *SharedObject) {
	if len(n.events) == 0 {
		return
	}
	version := o.state.Version()
	all := o.update(version, n.events)
	for c := range o.followers {
		if len(n.own[c]) == 0 {
			c.SendSharedObject(all)
			continue
		}
		events := slices.Clone(n.events)
		for _, at := range n.own[c] {
			events[at] = netconn.SharedObjectEvent{Type: netconn.SOSuccess, Name: events[at].Name}
		}
		c.SendSharedObject(o.update(version, events))
	}
}

// forget drops the wishes of a client that begins anew: success would mean nothing to it.
func (p *proxied) forget(c *Client) {
	for name, waiting := range p.waiting {
		p.waiting[name] = slices.DeleteFunc(waiting, func(w wish) bool { return w.client == c })
	}
}

// granted is the client who sees success: one that alone wants something of the property, and gets it. The owner does not say
// whose wish it answers; where it is not clear, all are told what the property is, which is right whoever wanted what.
func (p *proxied) granted(c netconn.SyncChange, value amf.Value) *Client {
	waiting := p.waiting[c.Name]
	if c.Code != netconn.SyncSucceeded || len(waiting) != 1 || !sameValue(waiting[0].value, value) {
		return nil
	}
	return waiting[0].client
}

func sameValue(a, b amf.Value) bool {
	x, errX := amf.AppendExtended(nil, a)
	y, errY := amf.AppendExtended(nil, b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// message passes on what somebody sends to all.
func (p *proxied) message(handler string, args []amf.Value) {
	p.object.broadcast(nil, netconn.SharedObjectEvent{Type: netconn.SOSend, Name: handler, Args: args})
	if p.object.listener.Message != nil {
		p.object.listener.Message(nil, handler, args)
	}
}
