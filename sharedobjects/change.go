package sharedobjects

import (
	"fmt"

	"afterglow/amf"
)

// Set gives a property a value and returns the value before it, nil if there was none. It always counts as a change, also
// when the value is the same. nil and [amf.Undefined] are values like others: a caller for which they mean removal calls
// [Object.Delete].
//
// The errors are [ErrName], [ErrTooMany], [ErrTooLarge], [ErrObjectTooLarge] and [ErrValue]; then nothing has changed. A
// persistent object may have to wait for the disk once in thousands of versions (see the package comment).
func (o *Object) Set(name string, v amf.Value) (old amf.Value, err error) {
	if err := validProperty(name); err != nil {
		return nil, err
	}
	encoded, value, err := encode(v, o.limits.MaxPropertyBytes)
	if err != nil {
		return nil, fmt.Errorf("property %q: %w", name, err)
	}
	s := o.live(name)
	if err := o.room(s, name, encoded); err != nil {
		return nil, fmt.Errorf("property %q: %w", name, err)
	}
	o.Begin()
	defer o.Commit()
	if s == nil {
		s = o.add(name)
	} else {
		o.bytes -= s.size()
		o.changed.remove(s)
	}
	old = s.value
	s.version, s.encoded, s.value = o.stamp(), encoded, value
	o.bytes += s.size()
	o.changed.append(s)
	o.storage.mark(name)
	return old, nil
}

// room checks the limits for a property that is to have a new value; s is its slot if it is there.
func (o *Object) room(s *slot, name string, encoded []byte) error {
	grown := len(name) + len(encoded)
	switch {
	case s != nil:
		grown -= s.size()
	case o.order.len >= o.limits.MaxProperties:
		return fmt.Errorf("%w: %d", ErrTooMany, o.limits.MaxProperties)
	}
	if grown > 0 && o.bytes > o.limits.MaxObjectBytes-grown {
		return fmt.Errorf("%w: %d bytes", ErrObjectTooLarge, o.limits.MaxObjectBytes)
	}
	return nil
}

// add makes a slot for a property that is not there, at the end of the order.
func (o *Object) add(name string) *slot {
	if s := o.slots[name]; s != nil {
		o.removed.remove(s)
	}
	o.sequence++
	s := &slot{name: name, sequence: o.sequence}
	o.slots[name] = s
	o.order.append(s)
	return s
}

// Delete removes a property and returns the value that it had, and whether it was there. The removal is remembered with its
// version for clients that were away.
func (o *Object) Delete(name string) (old amf.Value, had bool) {
	s := o.live(name)
	if s == nil {
		return nil, false
	}
	o.Begin()
	defer o.Commit()
	old = s.value
	o.order.remove(s)
	o.changed.remove(s)
	o.bytes -= s.size()
	s.version, s.removed = o.stamp(), true
	s.encoded, s.value = nil, nil
	o.removed.append(s)
	o.storage.mark(name)
	o.trim()
	return old, true
}

// Clear removes all properties and reports whether there were any. Clients that have seen anything of before are told to
// clear ([Delta].Clear) instead of what was removed. An object without properties does not change.
func (o *Object) Clear() bool {
	if o.order.len == 0 {
		return false
	}
	o.Begin()
	defer o.Commit()
	clear(o.slots)
	o.order, o.changed, o.removed = chain{which: byOrder}, chain{which: byVersion}, chain{which: byVersion}
	o.bytes = 0
	o.floor = o.stamp()
	o.storage.wipe()
	return true
}
