package e2e

import (
	"fmt"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
)

// ownKey is a property that one writer alone writes, one step after the other: the value of step n is n, and at every fifth
// the property is deleted.
type ownKey struct {
	name      string
	last      int  // step that was asked for
	open      bool // and is not confirmed
	abandoned bool // may change although the writer does nothing
	floor     int  // step that is stored for sure
	steps     []confirmation
	count     int
}

// confirmation is when the server said that a step was done.
type confirmation struct {
	step int
	at   time.Time
}

func (*ownKey) value(step int) amf.Value {
	if step%5 == 0 {
		return nil
	}
	return float64(step)
}

// synced notes that the server has confirmed what is open.
func (k *ownKey) synced(code netconn.SyncCode, at time.Time) {
	deletes := k.value(k.last) == nil
	if k.open && (code == netconn.SyncSucceeded && !deletes || code == netconn.SyncDeleted && deletes) {
		k.open = false
		k.steps = append(k.steps, confirmation{k.last, at})
		k.count++
	}
}

// confirmed is the last step that was confirmed.
func (k *ownKey) confirmed() int {
	if len(k.steps) == 0 {
		return k.floor
	}
	return k.steps[len(k.steps)-1].step
}

// examine says what is wrong with the value that a new server has.
func (k *ownKey) examine(v amf.Value, safe time.Time) error {
	floor := k.floor
	for _, c := range k.steps {
		if !c.at.After(safe) {
			floor = max(floor, c.step)
		}
	}
	found := -1
	for step := floor; step <= k.last; step++ {
		if same(k.value(step), v) {
			found = step
		}
	}
	if found < 0 {
		return fmt.Errorf("%s is %v: step %d of %d was confirmed in time, or stored on demand", k.name, v, floor, k.last)
	}
	if v != nil {
		floor = found
	}
	k.floor, k.steps = floor, nil
	k.open, k.abandoned = false, false
	return nil
}
