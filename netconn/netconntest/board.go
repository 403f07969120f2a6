package netconntest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"afterglow/amf"
	"afterglow/netconn"
)

// board owns shared objects as simply as can be: everybody may do everything, deltas are sent to whoever knows the last version.
type board struct {
	mu      sync.Mutex
	objects map[string]*boardObject
	heard   []string // the lines of what came
}

type boardObject struct {
	version   uint32
	values    map[string]amf.Value
	followers map[*netconn.Conn]bool
}

// newBoard makes the shared objects of a room.
func newBoard(room *Room) *board {
	b := &board{objects: make(map[string]*boardObject)}
	room.Shares = b.hear
	return b
}

func (b *board) object(name string, persistent bool) *boardObject {
	key := fmt.Sprint(name, persistent)
	if b.objects[key] == nil {
		b.objects[key] = &boardObject{values: make(map[string]amf.Value), followers: make(map[*netconn.Conn]bool)}
	}
	return b.objects[key]
}

func (b *board) hear(c *netconn.Conn, m *netconn.SharedObjectMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = append(b.heard, objectLine(m))
	o := b.object(m.Name, m.Persistent)
	for _, e := range m.Events {
		b.event(o, c, m, e)
	}
}

func (b *board) event(o *boardObject, c *netconn.Conn, m *netconn.SharedObjectMessage, e netconn.SharedObjectEvent) {
	others := netconn.SharedObjectEvent{Type: netconn.SOChange, Name: e.Name, Value: e.Value}
	switch e.Type {
	case netconn.SOUse:
		o.followers[c] = true
		o.tell(m, c, o.welcome(m.Version)...)
		return
	case netconn.SORelease:
		delete(o.followers, c)
		return
	case netconn.SORequestChange:
		o.version++
		o.values[e.Name] = e.Value
		o.tell(m, c, netconn.SharedObjectEvent{Type: netconn.SOSuccess, Name: e.Name})
	case netconn.SORequestRemove:
		o.version++
		delete(o.values, e.Name)
		others = netconn.SharedObjectEvent{Type: netconn.SORemove, Name: e.Name}
		o.tell(m, c, others)
	case netconn.SOSend:
		others = e
		o.tell(m, c, e)
	}
	for f := range o.followers {
		if f != c {
			o.tell(m, f, others)
		}
	}
}

// welcome brings a new follower up to date.
func (o *boardObject) welcome(version uint32) []netconn.SharedObjectEvent {
	events := []netconn.SharedObjectEvent{{Type: netconn.SOUseSuccess}}
	if version == o.version && version > 0 {
		return events
	}
	events = append(events, netconn.SharedObjectEvent{Type: netconn.SOClear})
	for _, name := range slices.Sorted(maps.Keys(o.values)) {
		events = append(events, netconn.SharedObjectEvent{Type: netconn.SOChange, Name: name, Value: o.values[name]})
	}
	return events
}

func (o *boardObject) tell(m *netconn.SharedObjectMessage, c *netconn.Conn, events ...netconn.SharedObjectEvent) {
	c.SendSharedObject(netconn.NewSharedObjectUpdate(netconn.SharedObjectMessage{
		Name: m.Name, Persistent: m.Persistent, Version: o.version, Events: events,
	}))
}

var eventNames = map[netconn.SharedObjectEventType]string{
	netconn.SOUse: "use", netconn.SORelease: "release", netconn.SORequestChange: "request", netconn.SOChange: "change",
	netconn.SOSuccess: "success", netconn.SOSend: "send", netconn.SOStatus: "status", netconn.SOClear: "clear",
	netconn.SORemove: "remove", netconn.SORequestRemove: "request remove", netconn.SOUseSuccess: "use success",
}

// describeObject is the line of a shared object message, behind its stream.
func describeObject(m netconn.Message) string {
	parsed, err := netconn.ParseSharedObject(m)
	if err != nil {
		return err.Error()
	}
	return objectLine(parsed)
}

func objectLine(m *netconn.SharedObjectMessage) string {
	line := fmt.Sprintf("%s@%d", m.Name, m.Version)
	if m.Persistent {
		line += " persistent"
	}
	for _, e := range m.Events {
		words := []string{eventNames[e.Type]}
		if e.Name != "" {
			words = append(words, e.Name)
		}
		switch e.Type {
		case netconn.SOChange, netconn.SORequestChange:
			words = append(words, amf.Format(e.Value))
		case netconn.SOSend:
			words = append(words, amf.Format(amf.NewArray(e.Args...)))
		case netconn.SOStatus:
			words = append(words, e.Level)
		}
		line += ", " + strings.Join(words, " ")
	}
	return line
}
