package sharedobjects

import (
	"sync/atomic"
)

// storage is what an object knows of how it is kept. Its owner's goroutine has it, but for lease and durable. A nil storage
// is that of a temporary object; the methods do nothing then.
type storage struct {
	store *Store
	key   objectKey
	lease *lease // nil if the object can never be stored

	dirty map[string]struct{} // names whose slots have changed since the last hand-over
	wiped bool                // everything that was stored before goes
	fresh bool                // nothing has been handed over yet
	stale bool                // the stored state is not right although no slot has changed

	handed  uint64        // counts hand-overs
	durable atomic.Uint64 // the last hand-over that is on disk
}

// attach begins the use of an object at a version; issued is the last one that may be known.
func (st *storage) attach(s *Store, key objectKey, version, issued uint32) {
	st.store, st.key = s, key
	st.lease = s.acquire(key, issued)
	st.issue(version)
}

// issue makes sure that the version may be handed out.
func (st *storage) issue(version uint32) {
	if st == nil || st.lease == nil {
		return
	}
	if version > st.lease.limit.Load() {
		st.store.extend(st.key, st.lease, version)
	}
	st.lease.issued.Store(version)
}

func (st *storage) mark(name string) {
	if st != nil {
		st.dirty[name] = struct{}{}
	}
}

func (st *storage) wipe() {
	if st != nil {
		clear(st.dirty)
		st.wiped = true
	}
}

// changed reports whether something has not been handed over.
func (st *storage) changed() bool {
	return len(st.dirty) > 0 || st.wiped || st.stale
}

// unwritten reports whether something that was handed over is not on disk.
func (st *storage) unwritten() bool { return st.handed > st.durable.Load() }

func (st *storage) isDirty() bool {
	return st != nil && (st.changed() || st.unwritten())
}

// handOver returns what has changed since the last time, nil if nothing has. It refers to no memory that the object will
// modify.
func (o *Object) handOver() *entry {
	st := o.storage
	if !st.changed() && !st.fresh {
		return nil
	}
	e := &entry{lease: st.lease, wipe: st.wiped || st.fresh, records: make(map[string][]byte, len(st.dirty)+1)}
	// In the midst of a batch the version is that before it. Should the object be loaded again like this, slots with a higher
	// version show that it was not at rest.
	current := state{version: o.version, floor: o.floor}
	e.records[stateKey] = current.record([]byte(stateKey))
	for name := range st.dirty {
		key := propertyKey(name)
		if s := o.slots[name]; s != nil {
			e.records[key] = s.record([]byte(key))
		} else {
			e.records[key] = nil
		}
	}
	clear(st.dirty)
	st.wiped, st.fresh, st.stale = false, false, o.stamped
	st.handed++
	e.from, e.serial = st, st.handed
	return e
}

// lease is what an object may do with its versions without asking the disk.
type lease struct {
	issued atomic.Uint32 // the last version that was handed out, or may have been before
	limit  atomic.Uint32 // versions up to this one may be handed out
}

// Versions that may be handed out.
const (
	// credit is how many versions above the stored reservation an object may hand out. Each crash takes them away from all
	// objects, whether they used them or not.
	credit = 1 << 12
	// ahead is how many versions a renewed reservation is above the last version.
	ahead = 1 << 14
)
