package netconn

import (
	"maps"
	"slices"

	"afterglow/amf"
)

// remoteSlot is one property.
type remoteSlot struct {
	shown slotValue // what this end sees
	known slotValue // what the server has, as far as it has said
	// latest is what this end asked for last, and asked what it has asked for without an answer. A change by somebody else counts as
	// the answer to all of them: servers that refuse what was asked of an older version say no more. Those that take it still
	// confirm it, and with it the latest, since they take everything in the order in which it was asked.
	latest slotValue
	asked  []slotValue
	doubt  bool // somebody else's change came before the answers to what was asked
	local  bool // shown is what this end wants, not what the server has said
}

// slotValue is a value, or that there is none.
type slotValue struct {
	value amf.Value
	there bool
}

// sharedObject brings a message of the server to the object that it is about.
func (c *Client) sharedObject(m Message) error {
	parsed, err := ParseSharedObject(m)
	if err != nil {
		return err
	}
	c.mu.Lock()
	r := c.shared[sharedObjectKey{parsed.Name, parsed.Persistent}]
	c.mu.Unlock()
	if r != nil {
		r.receive(parsed)
	}
	return nil
}

// receive follows a message of the server and then tells of it.
func (r *RemoteSharedObject) receive(m *SharedObjectMessage) {
	var news remoteNews
	r.mu.Lock()
	if !r.settled && !slices.ContainsFunc(m.Events, answersUse) {
		r.mu.Unlock()
		return // it is about what was asked for before the object of that name was closed the last time
	}
	r.advance(m)
	for i := range m.Events {
		r.event(&m.Events[i], &news)
	}
	r.mu.Unlock()
	news.tell(&r.options)
}

// answersUse says whether an event can be in the answer to SOUse.
func answersUse(e SharedObjectEvent) bool { return e.Type == SOUseSuccess || e.Type == SOStatus }

// advance takes the version of a message that says something of the state. It goes back only where the server begins anew.
func (r *RemoteSharedObject) advance(m *SharedObjectMessage) {
	for i := range m.Events {
		switch m.Events[i].Type {
		case SOUseSuccess, SOClear:
			r.version = m.Version
			return
		case SOChange, SORemove, SOSuccess:
			r.version = max(r.version, m.Version)
		}
	}
}

// event follows one event.
func (r *RemoteSharedObject) event(e *SharedObjectEvent, news *remoteNews) {
	switch e.Type {
	case SOUseSuccess:
		r.settle(nil)
	case SOClear:
		r.clear(news)
	case SOChange:
		r.change(e.Name, slotValue{e.Value, true}, SyncChanged, news)
	case SORemove:
		r.change(e.Name, slotValue{}, SyncDeleted, news)
	case SOSuccess:
		r.success(e.Name, news)
	case SOSend:
		news.add(func(o *SharedObjectOptions) {
			if o.Message != nil {
				o.Message(e.Name, e.Args)
			}
		})
	case SOStatus:
		r.status(Status{Code: Code(e.Name), Level: e.Level, Details: r.name}, news)
	}
}

// clear forgets all properties, but shows what this end has asked for and is not answered yet: the server does it afterwards.
func (r *RemoteSharedObject) clear(news *remoteNews) {
	maps.DeleteFunc(r.slots, func(_ string, s *remoteSlot) bool {
		s.known = slotValue{}
		if len(s.asked) == 0 {
			s.shown, s.local = slotValue{}, false
		}
		return len(s.asked) == 0 && !s.doubt
	})
	news.change(SyncChange{Code: SyncCleared})
}

// change takes what the server says that a property is.
func (r *RemoteSharedObject) change(name string, v slotValue, code SyncCode, news *remoteNews) {
	s := r.slot(name)
	if len(s.asked) > 0 && v.there {
		code = SyncRejected
	}
	news.change(SyncChange{Code: code, Name: name, OldValue: s.shown.value})
	s.doubt = s.doubt || len(s.asked) > 0
	s.shown, s.known, s.asked, s.local = v, v, nil, false
	if !v.there && !s.doubt {
		delete(r.slots, name)
	}
}

// success takes it that the server has what this end asked for.
func (r *RemoteSharedObject) success(name string, news *remoteNews) {
	s := r.slots[name]
	if s == nil || len(s.asked) == 0 && !s.doubt {
		return // nobody has asked
	}
	old := s.known.value
	s.shown, s.known = s.latest, s.latest
	if len(s.asked) > 0 {
		s.known = s.asked[0]
		s.asked = s.asked[1:]
	}
	s.local = len(s.asked) > 0 || !s.latest.there
	news.change(SyncChange{Code: SyncSucceeded, Name: name, OldValue: old})
}

// status takes an error. Without access to the object it is not followed; without the right to write, nothing that was asked for will
// come true.
func (r *RemoteSharedObject) status(s Status, news *remoteNews) {
	switch {
	case s.Code == SharedObjectNoWriteAccess:
		r.revert(news)
	case !r.settled:
		r.settle(s)
	}
	news.add(func(o *SharedObjectOptions) {
		if o.Status != nil {
			o.Status(s)
		}
	})
}

// revert goes back to what the server has said.
func (r *RemoteSharedObject) revert(news *remoteNews) {
	for name, s := range r.slots {
		if !s.local {
			continue
		}
		news.change(SyncChange{Code: SyncRejected, Name: name, OldValue: s.shown.value})
		s.shown, s.latest, s.asked, s.local = s.known, s.known, nil, false
		if !s.known.there {
			delete(r.slots, name)
		}
	}
}

// remoteNews is what a message has to be told of, in order: changes that are next to each other at once.
type remoteNews struct {
	changes []SyncChange
	tales   []func(*SharedObjectOptions)
}

func (n *remoteNews) change(c SyncChange) { n.changes = append(n.changes, c) }

func (n *remoteNews) add(tale func(*SharedObjectOptions)) {
	n.sync()
	n.tales = append(n.tales, tale)
}

func (n *remoteNews) sync() {
	changes := n.changes
	if n.changes = nil; len(changes) == 0 {
		return
	}
	n.tales = append(n.tales, func(o *SharedObjectOptions) {
		if o.Sync != nil {
			o.Sync(changes)
		}
	})
}

func (n *remoteNews) tell(o *SharedObjectOptions) {
	n.sync()
	for _, tale := range n.tales {
		tale(o)
	}
}
