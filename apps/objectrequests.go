package apps

import (
	"log/slog"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/sharedobjects"
)

// SharedObject hands what a client wants of a shared object to its instance.
func (s *Server) SharedObject(conn *netconn.Conn, m *netconn.SharedObjectMessage) {
	c := client(conn)
	i := c.instance
	i.ask(c, func() { i.sharedObject(c, m) }, nil)
}

// sharedObject does what a client's message says.
func (i *Instance) sharedObject(c *Client, m *netconn.SharedObjectMessage) {
	key := objectKey{m.Persistent, m.Name}
	if o := i.objects[key]; o != nil && o.waits(c) {
		o.wait(c, m)
		return
	}
	for n, e := range m.Events {
		switch e.Type {
		case netconn.SOUse:
			i.use(c, key, m.Version)
		case netconn.SORelease:
			if o := i.objects[key]; o != nil {
				o.release(c)
			}
		default:
			// What is neither comes in one piece, which is one step of the version.
			end := n + 1
			for end < len(m.Events) && m.Events[end].Type != netconn.SOUse && m.Events[end].Type != netconn.SORelease {
				end++
			}
			rest := *m
			rest.Events = m.Events[n:end]
			i.request(c, key, &rest)
			if end < len(m.Events) {
				rest := *m
				rest.Events = m.Events[end:]
				i.sharedObject(c, &rest)
			}
			return
		}
	}
}

// use has a client follow an object from the version that it knows on.
func (i *Instance) use(c *Client, key objectKey, version uint32) {
	rights := c.Rights()
	if !netconn.Covers(rights.Read, key.name) {
		i.objectStatus(c, key, netconn.SharedObjectNoReadAccess)
		return
	}
	o, err := i.object(key, netconn.Covers(rights.Write, key.name))
	switch {
	case err != nil || o == nil:
		if err != nil {
			c.tell(slog.LevelWarn, "shared object refused", "object", clip(key.name), "reason", err)
		}
		i.objectStatus(c, key, netconn.SharedObjectCreationFailed)
		return
	case !o.followedBy(c) && len(c.follows) >= i.settings().SharedObjects.MaxPerClient:
		i.objectStatus(c, key, netconn.SharedObjectCreationFailed)
		o.settle()
		return
	}
	o.follow(c, version)
}

// objectStatus tells a client what it may not.
func (i *Instance) objectStatus(c *Client, key objectKey, code netconn.Code) {
	c.SendSharedObject(netconn.NewSharedObjectUpdate(netconn.SharedObjectMessage{
		Name: key.name, Persistent: key.persistent,
		Events: []netconn.SharedObjectEvent{{Type: netconn.SOStatus, Name: string(code), Level: netconn.LevelError}},
	}))
}

// follow tells a client everything that is newer than the version that it knows.
func (o *SharedObject) follow(c *Client, version uint32) {
	if c.follows == nil {
		c.follows = make(map[*SharedObject]struct{})
	}
	c.follows[o] = struct{}{}
	o.followers[c] = struct{}{}
	if o.owner != nil {
		o.owner.forget(c)
	}
	events := []netconn.SharedObjectEvent{{Type: netconn.SOUseSuccess}}
	if !o.state.Persistent() {
		version = 0 // those of an earlier object of the name, or of an earlier copy of its owner's, mean nothing
	}
	events = append(events, eventsOf(o.state.Changes(version))...)
	// What is under a lock has not happened yet for anybody, and comes again with its end.
	c.SendSharedObject(o.update(o.state.Version(), events))
}

// eventsOf is a delta as the events that say it.
func eventsOf(d sharedobjects.Delta) []netconn.SharedObjectEvent {
	var events []netconn.SharedObjectEvent
	if d.Clear {
		events = append(events, netconn.SharedObjectEvent{Type: netconn.SOClear})
	}
	for _, name := range d.Removed {
		events = append(events, netconn.SharedObjectEvent{Type: netconn.SORemove, Name: name})
	}
	for _, p := range d.Set {
		events = append(events, netconn.SharedObjectEvent{Type: netconn.SOChange, Name: p.Name, Value: p.Value})
	}
	return events
}

// release ends that a client follows the object.
func (o *SharedObject) release(c *Client) {
	if !o.followedBy(c) {
		return
	}
	delete(o.followers, c)
	delete(c.follows, o)
	o.settle()
}

// request does what a client wants of an object that it follows, unless the application holds the lock.
func (i *Instance) request(c *Client, key objectKey, m *netconn.SharedObjectMessage) {
	o := i.objects[key]
	if o == nil || !o.followedBy(c) {
		code := netconn.SharedObjectNoWriteAccess
		if other := i.objects[objectKey{!key.persistent, key.name}]; other != nil && other.followedBy(c) {
			code = netconn.SharedObjectBadPersistence
		}
		i.objectStatus(c, key, code)
		return
	}
	switch {
	case !netconn.Covers(c.Rights().Write, key.name):
		i.objectStatus(c, key, netconn.SharedObjectNoWriteAccess)
	case o.state.Locked():
		o.wait(c, m)
	default:
		o.requests(c, m)
	}
}

func (o *SharedObject) followedBy(c *Client) bool {
	_, ok := o.followers[c]
	return ok
}

// outcome is what becomes of one message of a client.
type outcome struct {
	object  *SharedObject
	client  *Client
	version uint32 // the client's
	own     []netconn.SharedObjectEvent
	others  []netconn.SharedObjectEvent
	changes []netconn.SyncChange
	called  []netconn.SharedObjectEvent
}

// requests does what a client wants as one step of the version, and tells everybody.
func (o *SharedObject) requests(c *Client, m *netconn.SharedObjectMessage) {
	if o.owner != nil {
		o.owner.forward(c, m)
		return
	}
	out := outcome{object: o, client: c, version: m.Version}
	o.state.Begin()
	for _, e := range m.Events {
		out.event(e)
	}
	version := o.state.Commit()
	out.sign(version)
	if len(out.own) > 0 {
		c.SendSharedObject(o.update(version, out.own))
	}
	o.broadcast(c, out.others...)
	o.store()
	out.tell()
}

func (out *outcome) event(e netconn.SharedObjectEvent) {
	switch e.Type {
	case netconn.SORequestChange:
		if e.Value == nil || e.Value == amf.Undefined {
			out.remove(e.Name)
			return
		}
		out.set(e)
	case netconn.SORequestRemove:
		out.remove(e.Name)
	case netconn.SOSend:
		out.own = append(out.own, e)
		out.others = append(out.others, e)
		out.called = append(out.called, e)
	}
}

// set changes a property, unless somebody else has meanwhile: who was too late gets what holds instead of success, which
// Flash shows as reject (server-side-api 3.8, Concurrency).
func (out *outcome) set(e netconn.SharedObjectEvent) {
	o := out.object
	if out.late(e.Name) {
		out.own = append(out.own, out.holds(e.Name))
		return
	}
	old, err := o.state.Set(e.Name, e.Value)
	if err != nil {
		out.client.tell(slog.LevelWarn, "change of a shared object refused", "object", clip(o.key.name), "property", clip(e.Name), "reason", err)
		out.own = append(out.own, out.holds(e.Name))
		return
	}
	out.own = append(out.own, netconn.SharedObjectEvent{Type: netconn.SOSuccess, Name: e.Name})
	out.others = append(out.others, netconn.SharedObjectEvent{Type: netconn.SOChange, Name: e.Name, Value: e.Value})
	out.changes = append(out.changes, netconn.SyncChange{Code: netconn.SyncChanged, Name: e.Name, OldValue: old})
}

// holds is the event that says what a property is.
func (out *outcome) holds(name string) netconn.SharedObjectEvent {
	v, ok := out.object.state.Get(name)
	if !ok {
		return netconn.SharedObjectEvent{Type: netconn.SORemove, Name: name}
	}
	return netconn.SharedObjectEvent{Type: netconn.SOChange, Name: name, Value: v}
}

func (out *outcome) remove(name string) {
	if out.late(name) {
		out.own = append(out.own, out.holds(name))
		return
	}
	old, had := out.object.state.Delete(name)
	e := netconn.SharedObjectEvent{Type: netconn.SORemove, Name: name}
	out.own = append(out.own, e)
	if had {
		out.others = append(out.others, e)
		out.changes = append(out.changes, netconn.SyncChange{Code: netconn.SyncDeleted, Name: name, OldValue: old})
	}
}

// conflictTime is how long ago another's change can be that a client has not heard of. Clients that never say a newer
// version than the first, or none, are not taken for late after that.
const conflictTime = 5 * time.Second

// late says whether somebody else has changed a property since the version that the client says it knows.
func (out *outcome) late(name string) bool {
	a, ok := out.object.authors[name]
	return ok && out.version != 0 && a.client != out.client && a.version > out.version && time.Since(a.at) < conflictTime
}

// sign notes who changed what.
func (out *outcome) sign(version uint32) {
	now := time.Now()
	for _, c := range out.changes {
		out.object.sign(c.Name, author{out.client, version, now})
	}
}

// sign notes who changed a property. Notes that no longer matter are swept now and then.
func (o *SharedObject) sign(name string, a author) {
	if o.authors == nil {
		o.authors = make(map[string]author)
	}
	o.authors[name] = a
	if len(o.authors) <= 2*o.state.Len()+64 {
		return
	}
	for name, old := range o.authors {
		if a.at.Sub(old.at) >= conflictTime {
			delete(o.authors, name)
		}
	}
}

// tell tells the application.
func (out *outcome) tell() {
	l := out.object.listener
	if len(out.changes) > 0 && l.Sync != nil {
		l.Sync(out.changes)
	}
	for _, e := range out.called {
		if l.Message != nil {
			l.Message(out.client, e.Name, e.Args)
		}
	}
}
