package apps

import (
	"errors"
	"fmt"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/sharedobjects"
)

// objectKey names a shared object within its instance: persistent and temporary ones have name spaces of their own.
type objectKey struct {
	persistent bool
	name       string
}

// SharedObject is a remote shared object of an instance (server-side-api 2.5, 3.8). It belongs to the instance's
// goroutine: every change of it passes there, whether a client or the application makes it.
type SharedObject struct {
	instance  *Instance
	key       objectKey
	state     *sharedobjects.Object
	followers map[*Client]struct{}
	listener  SharedObjectListener
	held      int // references of the application
	closed    bool

	authors map[string]author // who set what lately
	batch   batch             // what changed while the application holds the lock
	queue   []queuedMessage   // what clients sent meanwhile
	broken  *time.Timer       // breaks a lock for which a client waits

	manual bool // the application stores it itself
	owner  *proxied
}

// SharedObjectListener is what an application wants to hear of a shared object. Nil functions hear nothing.
type SharedObjectListener struct {
	// Sync tells what a client has changed, or the owner of a proxied object.
	Sync func([]netconn.SyncChange)
	// Message tells of a message that a client has sent to all.
	Message func(from *Client, handler string, args []amf.Value)
}

// author is who changed a property: a client, or the application, which is nil.
type author struct {
	client  *Client
	version uint32
	at      time.Time
}

// queuedMessage is a client's message that waits for the end of a lock.
type queuedMessage struct {
	client  *Client
	message *netconn.SharedObjectMessage
}

// Errors of shared objects.
var (
	ErrTooManyObjects = errors.New("the instance has as many shared objects as it may have (sharedObjects.maxObjects)")
	ErrObjectClosed   = errors.New("the shared object is closed")
)

// SharedObject returns the shared object of that name, made or loaded if need be, and counts a reference of the
// application to it, which Close gives back. It belongs to the instance's goroutine.
func (i *Instance) SharedObject(name string, persistent bool) (*SharedObject, error) {
	o, err := i.object(objectKey{persistent, name}, true)
	if err != nil {
		return nil, err
	}
	o.held++
	return o, nil
}

// FindSharedObject returns a shared object that is in use, or nil. It belongs to the instance's goroutine.
func (i *Instance) FindSharedObject(name string, persistent bool) *SharedObject {
	return i.objects[objectKey{persistent, name}]
}

// SharedObjects returns those that are in use. It belongs to the instance's goroutine.
func (i *Instance) SharedObjects() []*SharedObject {
	out := make([]*SharedObject, 0, len(i.objects))
	for _, o := range i.objects {
		out = append(out, o)
	}
	return out
}

// object finds a shared object, stored ones included. It returns nil, without an error, for one that is not there and is not to be made.
func (i *Instance) object(key objectKey, make bool) (*SharedObject, error) {
	if o := i.objects[key]; o != nil {
		return o, nil
	}
	if err := sharedobjects.ValidName(key.name); err != nil {
		return nil, err
	}
	settings := i.settings().SharedObjects
	if len(i.objects) >= settings.MaxObjects {
		return nil, ErrTooManyObjects
	}
	state, err := i.state(key, make)
	if state == nil || err != nil {
		return nil, err
	}
	state.SetResyncDepth(settings.ResyncDepth)
	state.SetLimits(i.objectLimits())
	return i.keep(key, state), nil
}

func (i *Instance) keep(key objectKey, state *sharedobjects.Object) *SharedObject {
	o := &SharedObject{instance: i, key: key, state: state, followers: make(map[*Client]struct{})}
	if i.objects == nil {
		i.objects = make(map[objectKey]*SharedObject)
	}
	i.objects[key] = o
	i.app.server.stats.SharedObjects.Add(1)
	i.publishInfo()
	return o
}

func (i *Instance) state(key objectKey, make bool) (*sharedobjects.Object, error) {
	limits := i.objectLimits()
	if !key.persistent || i.stored == nil {
		if !make {
			return nil, nil
		}
		return sharedobjects.New(key.name, limits), nil
	}
	state, err := i.stored.Load(key.name)
	if errors.Is(err, sharedobjects.ErrNotFound) {
		if !make {
			return nil, nil
		}
		return i.stored.Create(key.name), nil
	}
	if err != nil {
		return nil, fmt.Errorf("loading shared object %s: %w", key.name, err)
	}
	return state, nil
}

func (i *Instance) objectLimits() sharedobjects.Limits {
	s := i.settings().SharedObjects
	return sharedobjects.Limits{MaxProperties: s.MaxProperties, MaxPropertyBytes: int(s.MaxPropertySize), MaxObjectBytes: int(s.MaxSize)}
}

// Name returns the object's name.
func (o *SharedObject) Name() string { return o.key.name }

// Persistent says whether the object outlives its users.
func (o *SharedObject) Persistent() bool { return o.key.persistent }

// Version returns the number of the newest change.
func (o *SharedObject) Version() uint32 { return o.state.Version() }

// Followers returns how many clients follow the object.
func (o *SharedObject) Followers() int { return len(o.followers) }

// Get returns a copy of a property, and whether there is one.
func (o *SharedObject) Get(name string) (amf.Value, bool) { return o.state.Get(name) }

// Names returns the names of the properties.
func (o *SharedObject) Names() []string { return o.state.Names() }

// Len returns the number of properties.
func (o *SharedObject) Len() int { return o.state.Len() }

// Dirty says whether a persistent object has changed since it was last stored.
func (o *SharedObject) Dirty() bool { return o.key.persistent && o.state.Dirty() }

// Listen replaces what the application hears of the object.
func (o *SharedObject) Listen(l SharedObjectListener) { o.listener = l }

// Set changes a property for everybody; nil and amf.Undefined delete it. The value must not be changed afterwards. It returns the errors of sharedobjects.Object.Set.
func (o *SharedObject) Set(name string, v amf.Value) error {
	if o.closed {
		return ErrObjectClosed
	}
	if v == nil || v == amf.Undefined {
		o.Delete(name)
		return nil
	}
	if o.owner != nil {
		return o.owner.remote.Set(name, v)
	}
	if _, err := o.state.Set(name, v); err != nil {
		return err
	}
	o.changed(netconn.SharedObjectEvent{Type: netconn.SOChange, Name: name, Value: v})
	return nil
}

// Delete deletes a property for everybody, and says whether there was one.
func (o *SharedObject) Delete(name string) bool {
	if o.closed {
		return false
	}
	if o.owner != nil {
		_, had := o.state.Get(name)
		_ = o.owner.remote.Delete(name)
		return had
	}
	_, had := o.state.Delete(name)
	if had {
		o.changed(netconn.SharedObjectEvent{Type: netconn.SORemove, Name: name})
	}
	return had
}

// Clear deletes all properties for everybody.
func (o *SharedObject) Clear() bool {
	if o.closed || o.owner != nil {
		return false
	}
	if o.state.Clear() {
		o.changed(netconn.SharedObjectEvent{Type: netconn.SOClear})
	}
	return true
}

// Send calls a handler on everybody who follows the object.
func (o *SharedObject) Send(handler string, args ...amf.Value) bool {
	if o.closed {
		return false
	}
	if o.owner != nil {
		return o.owner.remote.Send(handler, args...) == nil
	}
	o.broadcast(nil, netconn.SharedObjectEvent{Type: netconn.SOSend, Name: handler, Args: args})
	return true
}

// SetResyncDepth bounds for how many versions clients that come back get only what changed; negative is no bound.
func (o *SharedObject) SetResyncDepth(n int) { o.state.SetResyncDepth(n) }

// ResyncDepth returns what SetResyncDepth has set.
func (o *SharedObject) ResyncDepth() int { return o.state.ResyncDepth() }

// Purge forgets deleted properties older than a version.
func (o *SharedObject) Purge(version uint32) { o.state.Purge(version) }

// SetAutoCommit says whether a persistent object is stored by itself within sharedObjects.commitInterval. It is at first.
func (o *SharedObject) SetAutoCommit(on bool) {
	if o.manual = !on; on {
		o.store()
	}
}

// AutoCommit returns what SetAutoCommit has set.
func (o *SharedObject) AutoCommit() bool { return !o.manual }

// Flush stores a persistent object: what it has now outlives a crash when Flush returns nil.
func (o *SharedObject) Flush() error {
	if !o.key.persistent {
		return nil
	}
	if o.instance.stored == nil {
		return errors.New("the server has no place for persistent shared objects")
	}
	return o.instance.stored.Flush(o.state)
}

// Close gives back a reference of the application. An object without any, and without clients, goes.
func (o *SharedObject) Close() {
	o.held = max(0, o.held-1)
	o.settle()
}

// settle lets go of an object that nobody uses.
func (o *SharedObject) settle() {
	if o.closed || o.held > 0 || len(o.followers) > 0 {
		return
	}
	o.drop()
	delete(o.instance.objects, o.key)
	o.instance.publishInfo()
}

// drop ends an object; a persistent one is stored.
func (o *SharedObject) drop() {
	o.discard()
	o.unlockAll()
	o.closed = true
	o.instance.app.server.stats.SharedObjects.Add(-1)
	if o.key.persistent && o.instance.stored != nil && o.owner == nil {
		o.instance.stored.Release(o.state)
	}
	if o.owner != nil {
		o.owner.remote.Close()
	}
	for c := range o.followers {
		delete(c.follows, o)
	}
	o.followers = nil
	o.listener = SharedObjectListener{}
}

// store has a persistent object that changed stored soon.
func (o *SharedObject) store() {
	if o.key.persistent && o.instance.stored != nil && !o.manual && o.state.Dirty() {
		o.instance.stored.Commit(o.state)
	}
}

// changed tells everybody what the application has changed, at once or when it gives the lock back.
func (o *SharedObject) changed(e netconn.SharedObjectEvent) {
	if o.state.Locked() {
		o.batch.add(e)
		return
	}
	o.wrote(e)
	o.broadcast(nil, e)
	o.store()
}

// wrote notes that the application has changed properties, which clients may not know yet.
func (o *SharedObject) wrote(events ...netconn.SharedObjectEvent) {
	now := time.Now()
	for _, e := range events {
		if e.Type == netconn.SOClear {
			clear(o.authors)
			continue
		}
		o.sign(e.Name, author{nil, o.state.Version(), now})
	}
}

// broadcast sends events to all that follow the object but one.
func (o *SharedObject) broadcast(but *Client, events ...netconn.SharedObjectEvent) {
	if len(events) == 0 || len(o.followers) == 0 {
		return
	}
	u := o.update(o.state.Version(), events)
	for c := range o.followers {
		if c != but {
			c.SendSharedObject(u)
		}
	}
}

func (o *SharedObject) update(version uint32, events []netconn.SharedObjectEvent) *netconn.SharedObjectUpdate {
	return netconn.NewSharedObjectUpdate(netconn.SharedObjectMessage{
		Name: o.key.name, Persistent: o.key.persistent, Version: version, Events: events})
}

// closeObjects ends all shared objects of the instance.
func (i *Instance) closeObjects() {
	for _, o := range i.objects {
		o.drop()
	}
	i.objects = nil
}

// unfollow takes a client out of the shared objects that it follows.
func (i *Instance) unfollow(c *Client) {
	for o := range c.follows {
		o.forget(c)
		delete(o.followers, c)
		o.settle()
	}
	c.follows = nil
}

// CommitSharedObjects stores the persistent object of that name, or with "" all that changed, and says whether it could.
// It belongs to the instance's goroutine.
func (i *Instance) CommitSharedObjects(name string) bool {
	ok := true
	for key, o := range i.objects {
		if key.persistent && (name == "" || key.name == name) && o.state.Dirty() {
			ok = o.Flush() == nil && ok
		}
	}
	return ok
}

// ClearSharedObjects clears the objects whose names match a path, "/" for all of them and "*" and "?" for some, and
// forgets what is stored of them (Application.clearSharedObjects, server-side-api 2.2). It belongs to the instance's
// goroutine.
func (i *Instance) ClearSharedObjects(path string) bool {
	for key, o := range i.objects {
		if sharedobjects.Match(path, key.name) {
			o.Clear()
		}
	}
	if i.stored == nil {
		return true
	}
	names, err := i.stored.Names("")
	if err != nil {
		i.log().Error("shared objects are not cleared", "reason", err)
		return false
	}
	for _, name := range names {
		if !sharedobjects.Match(path, name) || i.objects[objectKey{true, name}] != nil {
			continue
		}
		if err := i.stored.Remove(name); err != nil {
			i.log().Error("shared object is not cleared", "name", name, "reason", err)
			return false
		}
	}
	return true
}
