package acceptance_test

import (
	"errors"
	"maps"
	"slices"

	"afterglow/amf"
	"afterglow/netconn"
)

// follower is a shared object of a client's, which writes down what it is told.
type follower struct {
	*netconn.RemoteSharedObject
	*record
}

// follow asks for a shared object, and does not wait.
func (c *client) follow(name string, persistent bool) *follower {
	c.t.Helper()
	return c.resume(name, persistent, nil)
}

// resume is follow from what was known over another connection.
func (c *client) resume(name string, persistent bool, known *follower) *follower {
	c.t.Helper()
	f := &follower{record: newRecord(c.t, "shared object "+name)}
	o := netconn.SharedObjectOptions{
		Persistent: persistent,
		Sync: func(changes []netconn.SyncChange) {
			for _, c := range changes {
				line := string(c.Code)
				if c.Name != "" {
					line += " " + c.Name
				}
				if c.OldValue != nil {
					line += " " + amf.Format(c.OldValue)
				}
				f.add("%s", line)
			}
		},
		Message: func(handler string, args []amf.Value) { f.add("%s%s", handler, list(args)) },
		Status:  func(s netconn.Status) { f.add("%s %s %s", s.Level, s.Code, s.Details) },
	}
	if known != nil {
		o.Resume = known.RemoteSharedObject
	}
	var err error
	if f.RemoteSharedObject, err = c.SharedObject(name, o); err != nil {
		c.t.Fatal(err)
	}
	return f
}

func (f *follower) must(errs ...error) {
	f.t.Helper()
	if err := errors.Join(errs...); err != nil {
		f.t.Fatal(err)
	}
}

// shows says what the client sees of the object.
func (f *follower) shows(want string) {
	f.t.Helper()
	all := f.Snapshot()
	o := amf.NewObject()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		o.Set(name, all[name])
	}
	if got := amf.Format(o); got != want {
		f.t.Errorf("%s is %s, want %s", f.Name(), got, want)
	}
}
