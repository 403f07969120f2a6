package sharedobjects

import (
	"math"
	"slices"

	"afterglow/amf"
)

// Property is a named value.
type Property = amf.Property

// Delta is what brings a client up to date. The client clears if it is told to, and then applies the rest in any order: no
// name is in both lists. The values are shared and must not be modified.
type Delta struct {
	// Clear says that the client forgets all that it has; Set has everything then.
	Clear bool
	// Set are the properties that the client does not have as they are; the oldest change is first, or after a Clear the
	// property that was first set.
	Set []Property
	// Removed are the names of properties that are no longer there, the oldest removal first. The client need not have had
	// all of them.
	Removed []string
	// Version is the version that the client has then.
	Version uint32
}

// Empty reports whether the client need not do anything.
func (d Delta) Empty() bool { return !d.Clear && len(d.Set) == 0 && len(d.Removed) == 0 }

// Changes returns what brings a client up to date that has the version since (server-side-api 3.8 "Version and resync"). It
// is everything, behind a Clear, if since is 0, above the version of the object, further back than the resync depth allows,
// or older than the last Clear or than a removal that was forgotten. In the midst of a batch it includes what the batch has
// changed so far, which the Changes after the batch has again.
//
// Its cost grows with what has changed, not with the object.
func (o *Object) Changes(since uint32) Delta {
	if o.depth >= 0 && since <= o.version && int64(o.version-since) > int64(o.depth) {
		return o.everything()
	}
	return o.after(since)
}

// Last returns what the last batch changed, for subscribers that have everything before it: as Changes of the version before
// it, whatever the resync depth. Before the first change it is an empty Delta.
func (o *Object) Last() Delta {
	if o.version == 0 {
		return Delta{}
	}
	if o.version == 1 && o.floor <= 1 {
		return o.collect(0)
	}
	return o.after(o.version - 1)
}

func (o *Object) after(since uint32) Delta {
	if since == 0 || since > o.version || since < o.floor || since == math.MaxUint32 {
		return o.everything()
	}
	return o.collect(since)
}

func (o *Object) everything() Delta {
	d := Delta{Clear: true, Version: o.version, Set: make([]Property, 0, o.order.len)}
	for s := o.order.first; s != nil; s = o.order.next(s) {
		d.Set = append(d.Set, Property{Name: s.name, Value: s.value})
	}
	return d
}

func (o *Object) collect(since uint32) Delta {
	d := Delta{Version: o.version}
	for s := o.changed.last; s != nil && s.version > since; s = o.changed.prev(s) {
		d.Set = append(d.Set, Property{Name: s.name, Value: s.value})
	}
	for s := o.removed.last; s != nil && s.version > since; s = o.removed.prev(s) {
		d.Removed = append(d.Removed, s.name)
	}
	slices.Reverse(d.Set)
	slices.Reverse(d.Removed)
	return d
}

// SetResyncDepth sets how many versions a client may be behind to be told what changed; one that is further behind gets
// everything. Negative is unlimited, the default (server-side-api 2.5, 3.8). It is not stored. Removals beyond the depth are
// forgotten.
func (o *Object) SetResyncDepth(n int) {
	o.depth = max(n, -1)
	o.forgetBeyondDepth()
}

// ResyncDepth returns the resync depth in versions, -1 if it is unlimited.
func (o *Object) ResyncDepth() int { return o.depth }

// Purge forgets removals older than version. Clients that may have missed one of them get everything
// (server-side-api 2.5).
func (o *Object) Purge(version uint32) {
	for s := o.removed.first; s != nil && s.version < version; s = o.removed.first {
		o.forget(s)
	}
}

func (o *Object) forgetBeyondDepth() {
	if o.depth >= 0 && int64(o.version) > int64(o.depth) {
		o.Purge(o.version - uint32(o.depth))
	}
}

// trim forgets the oldest removals if there are too many.
func (o *Object) trim() {
	for o.removed.len > o.limits.MaxRemembered {
		o.forget(o.removed.first)
	}
}

func (o *Object) forget(s *slot) {
	o.floor = max(o.floor, s.version)
	o.removed.remove(s)
	delete(o.slots, s.name)
	o.storage.mark(s.name)
}
