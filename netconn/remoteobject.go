package netconn

import (
	"context"
	"errors"
	"sync"

	"afterglow/amf"
)

// ErrSharedObjectOpen says that the client follows a shared object of that name and persistence already.
var ErrSharedObjectOpen = errors.New("the shared object is open already")

// ErrSharedObjectName says that a shared object, a property or a handler cannot have that name: names have 1 to 65,535 bytes.
var ErrSharedObjectName = errors.New("not a name")

// SyncCode says what became of a property, as Flash's SyncEvent has it (server-side-api 3.8).
type SyncCode string

// The codes of a SyncChange.
const (
	SyncSucceeded SyncCode = "success" // the server has taken what Set asked for
	SyncRejected  SyncCode = "reject"  // the server has another value than Set asked for, which counts
	SyncChanged   SyncCode = "change"  // somebody else has changed it
	SyncDeleted   SyncCode = "delete"  // it is no more
	SyncCleared   SyncCode = "clear"   // the object has no properties now, but for those that follow
)

// SyncChange is one thing that has happened to a shared object.
type SyncChange struct {
	Code SyncCode
	Name string // of the property, empty with SyncCleared
	// OldValue is what the property was here before, nil if it was not there.
	OldValue amf.Value
}

// SharedObjectOptions are how a client follows a shared object. The functions may be nil. They are called by the transport's reader, in
// order, and should not block; they may call the object's methods, but for Wait.
type SharedObjectOptions struct {
	Persistent bool
	// Resume is the object as it was over an earlier connection: the new one begins with what the server had confirmed of it, and
	// presents its version, so that the server can send what has changed since, and no more.
	Resume *RemoteSharedObject
	// Sync tells what one message of the server has changed.
	Sync func([]SyncChange)
	// Message gets what somebody sends to all followers, this one included.
	Message func(handler string, args []amf.Value)
	// Status tells what failed: the codes are the SharedObject ones.
	Status func(Status)
}

// RemoteSharedObject is a client's copy of a shared object. Its methods may be called from any goroutine. Values that come from it or
// were given to it must not be changed.
type RemoteSharedObject struct {
	client     *Client
	name       string
	persistent bool
	options    SharedObjectOptions
	ready      chan struct{} // closed when following has succeeded or failed

	mu      sync.Mutex
	version uint32
	slots   map[string]*remoteSlot
	settled bool  // ready is closed
	err     error // why it is not followed, or not any more
}

type sharedObjectKey struct {
	name       string
	persistent bool
}

// SharedObject follows a shared object of the server's application (server-side-api 3.8): it asks the server for it and returns at
// once. There is one for each name and persistence at a time; Close ends it. Errors are ErrSharedObjectOpen, ErrSharedObjectName and
// ErrDisconnected.
func (c *Client) SharedObject(name string, o SharedObjectOptions) (*RemoteSharedObject, error) {
	if !validSharedName(name) {
		return nil, ErrSharedObjectName
	}
	r := &RemoteSharedObject{client: c, name: name, persistent: o.Persistent, options: o,
		ready: make(chan struct{}), slots: make(map[string]*remoteSlot)}
	if o.Resume != nil {
		r.version, r.slots = o.Resume.confirmed()
		r.options.Resume = nil
	}
	r.mu.Lock() // nothing is heard of it before it is asked for
	defer r.mu.Unlock()
	if err := c.addSharedObject(r); err != nil {
		return nil, err
	}
	r.send(SharedObjectEvent{Type: SOUse})
	return r, nil
}

func (c *Client) addSharedObject(r *RemoteSharedObject) error {
	key := sharedObjectKey{r.name, r.persistent}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.gone:
		return ErrDisconnected
	case c.shared[key] != nil:
		return ErrSharedObjectOpen
	case c.shared == nil:
		c.shared = make(map[sharedObjectKey]*RemoteSharedObject)
	}
	c.shared[key] = r
	return nil
}

func validSharedName(name string) bool { return name != "" && len(name) < 1<<16 }

// confirmed copies what the server has said, for another connection.
func (r *RemoteSharedObject) confirmed() (uint32, map[string]*remoteSlot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slots := make(map[string]*remoteSlot)
	for name, s := range r.slots {
		if s.known.there {
			slots[name] = &remoteSlot{shown: s.known, known: s.known}
		}
	}
	return r.version, slots
}

// Name returns the object's name.
func (r *RemoteSharedObject) Name() string { return r.name }

// Persistent says in which of the two name spaces the object is.
func (r *RemoteSharedObject) Persistent() bool { return r.persistent }

// Version returns the version of what the server has said last.
func (r *RemoteSharedObject) Version() uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.version
}

// Get returns a property, and whether it is there.
func (r *RemoteSharedObject) Get(name string) (amf.Value, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.slots[name]; s != nil {
		return s.shown.value, s.shown.there
	}
	return nil, false
}

// Snapshot returns all properties as this end sees them: what it has asked for, and else what the server has said.
func (r *RemoteSharedObject) Snapshot() map[string]amf.Value {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string]amf.Value, len(r.slots))
	for name, s := range r.slots {
		if s.shown.there {
			all[name] = s.shown.value
		}
	}
	return all
}

// Ready is closed when the server has let this end follow the object, and when it has not: Err then says why.
func (r *RemoteSharedObject) Ready() <-chan struct{} { return r.ready }

// Err returns why the object is not followed, nil as long as it may be: a Status from the server, or why the connection has ended.
func (r *RemoteSharedObject) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Wait waits until Ready and returns Err.
func (r *RemoteSharedObject) Wait(ctx context.Context) error {
	select {
	case <-r.ready:
		return r.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Set asks the server to change a property, which has the new value here at once. The server confirms it (SyncSucceeded), or says what
// the property is instead (SyncRejected).
func (r *RemoteSharedObject) Set(name string, v amf.Value) error {
	return r.ask(name, slotValue{v, true}, SharedObjectEvent{Type: SORequestChange, Name: name, Value: v})
}

// Delete asks the server to remove a property, which is gone here at once.
func (r *RemoteSharedObject) Delete(name string) error {
	return r.ask(name, slotValue{}, SharedObjectEvent{Type: SORequestRemove, Name: name})
}

func (r *RemoteSharedObject) ask(name string, v slotValue, e SharedObjectEvent) error {
	if !validSharedName(name) {
		return ErrSharedObjectName
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	if err := r.encodable(e.Value); err != nil {
		return err
	}
	s := r.slot(name)
	s.shown, s.latest, s.local = v, v, true
	if v.there { // a removal is not confirmed but told to everybody
		s.asked = append(s.asked, v)
	}
	r.send(e)
	return nil
}

// encodable says why the connection's encoding has no word for a value.
func (r *RemoteSharedObject) encodable(values ...amf.Value) (err error) {
	if Encoding(r.client.encoding.Load()) == AMF3 {
		_, err = amf.AppendExtended(nil, values...)
	} else {
		_, err = amf.Append0(nil, values...)
	}
	return err
}

// slot returns the slot of a name, a new one if need be.
func (r *RemoteSharedObject) slot(name string) *remoteSlot {
	s := r.slots[name]
	if s == nil {
		s = new(remoteSlot)
		r.slots[name] = s
	}
	return s
}

// Send has the server call a handler on everybody who follows the object, this end included.
func (r *RemoteSharedObject) Send(handler string, args ...amf.Value) error {
	if !validSharedName(handler) {
		return ErrSharedObjectName
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	if err := r.encodable(args...); err != nil {
		return err
	}
	r.send(SharedObjectEvent{Type: SOSend, Name: handler, Args: args})
	return nil
}

// Close ends following the object. What was asked for before still reaches the server.
func (r *RemoteSharedObject) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.send(SharedObjectEvent{Type: SORelease})
	}
	r.settle(ErrDisconnected)
	c, key := r.client, sharedObjectKey{r.name, r.persistent}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shared[key] == r { // from now on the object can be followed anew
		delete(c.shared, key)
	}
	return nil
}

// send sends an event. What one goroutine asks for leaves in its order.
func (r *RemoteSharedObject) send(e SharedObjectEvent) {
	m := SharedObjectMessage{Name: r.name, Persistent: r.persistent, Version: r.version, Events: []SharedObjectEvent{e}}
	for _, message := range encodeSharedObject(&m, Encoding(r.client.encoding.Load())) {
		r.client.transport.Send(message, Treatment{Class: ClassControl})
	}
}

// settle notes that following has succeeded, or that it is over.
func (r *RemoteSharedObject) settle(err error) {
	if err != nil && r.err == nil {
		r.err = err
	}
	if !r.settled {
		r.settled = true
		close(r.ready)
	}
}

// ended tells that the connection has ended.
func (r *RemoteSharedObject) ended(reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle(reason)
}
