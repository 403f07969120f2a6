package sharedobjects

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Namespace has the persistent objects of one application instance. It belongs to that instance's goroutine, as its objects
// do.
type Namespace struct {
	store *Store
	key   string
	err   error // the instance has no name under which anything can be stored
}

// maxInstance is how long the names of an application and an instance may be together, in bytes.
const maxInstance = 4096

func newNamespace(s *Store, app, instance string) *Namespace {
	n := &Namespace{store: s, key: app + "\x00" + instance}
	if len(n.key) > maxInstance || strings.Count(n.key, "\x00") != 1 {
		n.err = fmt.Errorf("instance: %w: NUL, or more than %d bytes", ErrName, maxInstance)
	}
	return n
}

func (n *Namespace) valid(name string) error {
	if n.err != nil {
		return n.err
	}
	return ValidName(name)
}

// Load reads an object from the store, waiting for what has been handed over of it before. There must be at most one Object
// of a name at a time. The resync depth is that of New.
//
// Records that cannot be read are logged and put aside under another key, where they stay for examination; the object has
// what is left and a new version. The errors are [ErrName], [ErrNotFound] if the object was never stored, [ErrClosed], and
// those of the file.
func (n *Namespace) Load(name string) (*Object, error) {
	if err := n.valid(name); err != nil {
		return nil, err
	}
	key := objectKey{n.key, name}
	if err := n.store.settled(key); err != nil {
		return nil, fmt.Errorf("shared object %q: %w", name, err)
	}
	found, err := n.store.read(key)
	if err != nil {
		return nil, fmt.Errorf("shared object %q: %w", name, err)
	}
	o := n.newObject(name)
	o.storage.attach(n.store, key, found.version, found.issued)
	o.restore(found)
	n.store.quarantine(o, found)
	return o, nil
}

// Create returns an empty persistent object. Nothing is stored until the first Commit or Flush, which replaces what there
// may be of that name. Its version is 0 unless clients may know higher versions of an object of this name: then it goes on
// above them. An object whose name is not valid is never stored.
func (n *Namespace) Create(name string) *Object {
	o := n.newObject(name)
	if n.valid(name) != nil {
		return o
	}
	key := objectKey{n.key, name}
	issued := n.store.issuedOf(key)
	start := issued
	if issued > 0 {
		start = addVersions(issued, 1) // somebody may have the last one, with another content
	}
	o.storage.attach(n.store, key, start, issued)
	o.storage.fresh = true
	o.version, o.floor = start, start
	return o
}

func (n *Namespace) newObject(name string) *Object {
	o := New(name, n.store.options.Limits)
	o.persistent = true
	o.storage = &storage{dirty: make(map[string]struct{})}
	return o
}

// Flush returns nil when everything that the object has is durable. Flushes at the same time share one transaction. After an
// error the store tries again by itself. The errors are [ErrTemporary], [ErrName], [ErrClosed] and those of the file
// (server-side-api 2.5 flush).
func (n *Namespace) Flush(o *Object) error {
	if err := n.owns(o); err != nil {
		return err
	}
	n.Commit(o)
	if !o.storage.unwritten() {
		return nil
	}
	if err := n.store.sync(); err != nil {
		return fmt.Errorf("shared object %q: %w", o.name, err)
	}
	return nil
}

// Commit hands the object's changes to the store, which makes them durable within Options.CommitInterval together with all
// that other instances hand over. It does not wait and costs only what has changed. Temporary objects and such without
// changes are left alone. What is handed over in the midst of a batch is stored as it is then.
func (n *Namespace) Commit(o *Object) {
	if n.owns(o) != nil {
		return
	}
	if e := o.handOver(); e != nil {
		n.store.stage(o.storage.key, e)
	}
}

// Release is Commit for an object that its owner drops because nobody uses it any more; it must not be used again. Without
// it nothing goes wrong, but the store remembers a few bytes of the object until it closes.
func (n *Namespace) Release(o *Object) {
	if n.owns(o) != nil {
		return
	}
	e := o.handOver()
	if e == nil {
		e = &entry{lease: o.storage.lease}
	}
	e.settle = true
	n.store.stage(o.storage.key, e)
	o.storage = nil
}

// Remove deletes a stored object; one that is not stored is no error. It is durable when Remove returns nil. An Object of
// that name which is in use must be cleared too, and goes on with its versions; it is stored again at its next Commit
// (server-side-api 2.2 clearSharedObjects).
func (n *Namespace) Remove(name string) error {
	if err := n.valid(name); err != nil {
		return err
	}
	key := objectKey{n.key, name}
	n.store.stage(key, &entry{lease: n.store.leaseOf(key), remove: true})
	if err := n.store.sync(); err != nil {
		return fmt.Errorf("shared object %q: %w", name, err)
	}
	return nil
}

// Names returns the names of the stored objects that begin with prefix, sorted, those included that were handed over before.
func (n *Namespace) Names(prefix string) ([]string, error) {
	if n.err != nil {
		return nil, n.err
	}
	if err := n.store.settledAll(n.key); err != nil {
		return nil, err
	}
	return n.store.names(n.key, prefix)
}

func (n *Namespace) owns(o *Object) error {
	switch {
	case o.storage == nil || !o.persistent:
		return fmt.Errorf("shared object %q: %w", o.name, ErrTemporary)
	case o.storage.lease == nil:
		return errors.Join(n.valid(o.name), n.err)
	case o.storage.store != n.store || o.storage.key.instance != n.key:
		return fmt.Errorf("shared object %q: %w", o.name, ErrTemporary)
	}
	return nil
}

// restore fills an empty object with what was read.
func (o *Object) restore(f *found) {
	for _, s := range f.live {
		o.slots[s.name] = s
		o.order.append(s)
		o.bytes += s.size()
		o.sequence = max(o.sequence, s.sequence)
	}
	for _, s := range f.byVersion {
		if s.removed {
			o.slots[s.name] = s
			o.removed.append(s)
			continue
		}
		o.changed.append(s)
	}
	o.version, o.floor = f.version, f.floor
	o.storage.stale = !f.intact
	o.trim()
}

func addVersions(a, b uint32) uint32 {
	return uint32(min(uint64(a)+uint64(b), math.MaxUint32))
}
