package sharedobjects

import (
	"iter"
	"math"

	"afterglow/amf"
)

// Object is the state of one shared object. It belongs to one goroutine, that of its instance.
//
// Values are copied on the way in: what a caller does to a value after [Object.Set] does not change the object, and setting
// the same pointer again after a change is a change. Values that come out are shared with the object and with everybody else
// who was given them, and must not be modified, except for those of [Object.Get], which are the caller's own.
type Object struct {
	name       string
	persistent bool
	limits     Limits

	version uint32
	floor   uint32 // clients with a lower version get everything
	depth   int    // resync depth, negative for unlimited

	slots    map[string]*slot // those in changed and those in removed
	order    chain            // what is there, in the order of first set
	changed  chain            // what is there, by version
	removed  chain            // what is remembered of removals, by version
	sequence uint64
	bytes    int

	batches int
	stamped bool // this batch has changed something, which has version next()
	locks   int

	storage *storage // nil if it is not kept
}

// New returns an empty temporary object with version 0. Its versions mean nothing to a client that knows them from an
// earlier object of the same name: give new subscribers of temporary objects Changes(0).
func New(name string, l Limits) *Object {
	return &Object{
		name:    name,
		limits:  l.resolve(),
		depth:   -1,
		slots:   make(map[string]*slot),
		order:   chain{which: byOrder},
		changed: chain{which: byVersion},
		removed: chain{which: byVersion},
	}
}

// Name returns the name of the object.
func (o *Object) Name() string { return o.name }

// Persistent reports whether the object is one of a [Store].
func (o *Object) Persistent() bool { return o.persistent }

// Version returns the number of the last batch that changed something. A batch that is not over does not count.
func (o *Object) Version() uint32 { return o.version }

// Len returns the number of properties.
func (o *Object) Len() int { return o.order.len }

// Size returns what counts for Limits.MaxObjectBytes: the names and encoded values of all properties, in bytes.
func (o *Object) Size() int { return o.bytes }

// SetLimits gives the object other limits, as those of an application.
func (o *Object) SetLimits(l Limits) {
	o.limits = l.resolve()
	o.trim()
}

// Get returns the value of a property, and whether there is one. The value is a copy and the caller's own.
func (o *Object) Get(name string) (amf.Value, bool) {
	s := o.live(name)
	if s == nil {
		return nil, false
	}
	return copyOf(s), true
}

// Names returns the names of the properties in the order in which they were first set.
func (o *Object) Names() []string {
	names := make([]string, 0, o.order.len)
	for s := o.order.first; s != nil; s = o.order.next(s) {
		names = append(names, s.name)
	}
	return names
}

// All iterates over the properties in the order in which they were first set. Changing the object on the way is safe: what
// was removed does not show, what was added may not.
func (o *Object) All() iter.Seq2[string, amf.Value] {
	return func(yield func(string, amf.Value) bool) {
		for _, name := range o.Names() {
			s := o.live(name)
			if s != nil && !yield(name, s.value) {
				return
			}
		}
	}
}

// Begin opens a batch: all changes until its Commit are one step of the version (server-side-api 3.8). Batches nest; only
// the outermost counts. A change outside of a batch is a batch of its own.
func (o *Object) Begin() { o.batches++ }

// Commit ends a batch and returns the version that the object has then. The end of the outermost batch is one step of the
// version if anything was changed. Without a batch it does nothing. It has nothing to do with [Namespace.Commit].
func (o *Object) Commit() uint32 {
	if o.batches == 0 {
		return o.version
	}
	o.batches--
	if o.batches == 0 && o.stamped {
		o.version = o.next()
		o.stamped = false
		o.forgetBeyondDepth()
	}
	return o.version
}

// next is the version of the batch that is under way. The last version there is stays: then Changes gives everything to
// those who have it.
func (o *Object) next() uint32 {
	if o.version == math.MaxUint32 {
		return o.version
	}
	return o.version + 1
}

// stamp returns the version for a change in the batch that is under way.
func (o *Object) stamp() uint32 {
	next := o.next()
	if !o.stamped {
		o.stamped = true
		o.storage.issue(next)
	}
	return next
}

// Lock locks the object once more and returns how often it is locked then (server-side-api 2.5). A lock is also a batch:
// what is changed under it is one step of the version. The owner makes the requests of clients wait while
// [Object.Locked].
func (o *Object) Lock() int {
	o.Begin()
	o.locks++
	return o.locks
}

// Unlock takes one lock back and returns how many are left. Without a lock it does nothing and returns 0.
func (o *Object) Unlock() int {
	if o.locks == 0 {
		return 0
	}
	o.locks--
	o.Commit()
	return o.locks
}

// Locked reports whether the object is locked.
func (o *Object) Locked() bool { return o.locks > 0 }

// Dirty reports whether a persistent object has changes that are not durable yet (server-side-api 2.5 isDirty). It is false
// for temporary objects.
func (o *Object) Dirty() bool { return o.storage.isDirty() }

// live returns the slot of a property that is there, otherwise nil.
func (o *Object) live(name string) *slot {
	if s := o.slots[name]; s != nil && !s.removed {
		return s
	}
	return nil
}
