package netconn

import (
	"sync"

	"afterglow/amf"
)

// SharedObjectEventType says what an event of a shared object message is (RTMP 1.0 section 7.1.3, server-side-api 3.8).
type SharedObjectEventType uint8

// The events of shared objects. Clients send Use, Release, RequestChange, RequestRemove and Send; servers all others and Send.
const (
	SOUse           SharedObjectEventType = 1  // a client follows the object from now on, from the version of the message on
	SORelease       SharedObjectEventType = 2  // a client follows it no more
	SORequestChange SharedObjectEventType = 3  // a client wants property Name to be Value
	SOChange        SharedObjectEventType = 4  // property Name is Value now
	SOSuccess       SharedObjectEventType = 5  // what the client asked for property Name is done
	SOSend          SharedObjectEventType = 6  // calls handler Name with Args on everybody who follows
	SOStatus        SharedObjectEventType = 7  // something failed: Name is the code, Level its level
	SOClear         SharedObjectEventType = 8  // the object has no properties now
	SORemove        SharedObjectEventType = 9  // property Name is no more
	SORequestRemove SharedObjectEventType = 10 // a client wants property Name to be no more
	SOUseSuccess    SharedObjectEventType = 11 // the client follows the object now
)

// The codes of SOStatus, all of level error (server-side-api 3.4).
const (
	SharedObjectNoReadAccess   Code = "SharedObject.NoReadAccess"
	SharedObjectNoWriteAccess  Code = "SharedObject.NoWriteAccess"
	SharedObjectCreationFailed Code = "SharedObject.ObjectCreationFailed"
	SharedObjectBadPersistence Code = "SharedObject.BadPersistence"
)

// SharedObjectMessage is a message about one shared object: what happened to it, in order.
type SharedObjectMessage struct {
	// Name is that of the object, and Persistent which of the two name spaces it is in.
	Name       string
	Persistent bool
	// Version is the object's once the events have happened; of a client's Use the last one that it knows.
	Version uint32
	Events  []SharedObjectEvent
}

// SharedObjectEvent is one event; its Type says which of the other fields mean something.
type SharedObjectEvent struct {
	Type  SharedObjectEventType
	Name  string      // a property; of SOSend the handler, of SOStatus the code
	Value amf.Value   // of SORequestChange and SOChange
	Args  []amf.Value // of SOSend
	Level string      // of SOStatus
}

// SharedObjectUpdate is a SharedObjectMessage on its way to many. It is encoded when it is first needed, once for each object
// encoding, whoever gets it. Its methods may be called from any goroutine.
type SharedObjectUpdate struct {
	message SharedObjectMessage
	forms   [2]sharedObjectForm // AMF0, AMF3
}

type sharedObjectForm struct {
	once     sync.Once
	messages []Message
}

// NewSharedObjectUpdate makes an update. The message and its values must not be changed afterwards.
func NewSharedObjectUpdate(m SharedObjectMessage) *SharedObjectUpdate {
	return &SharedObjectUpdate{message: m}
}

// Messages returns the update in an encoding: one message, unless it has more than a megabyte of events. The payloads are shared and
// must not be changed. What an encoding has no word for, such as a ByteArray in AMF0, goes out as undefined.
func (u *SharedObjectUpdate) Messages(e Encoding) []Message {
	form := &u.forms[0]
	if e == AMF3 {
		form = &u.forms[1]
	}
	form.once.Do(func() { form.messages = encodeSharedObject(&u.message, e) })
	return form.messages
}

// SendSharedObject sends an update, behind everything that Call, Notify and the answers of Replies have sent before. It is kept
// until the client is accepted, and dropped if that does not happen or if it has gone.
func (c *Conn) SendSharedObject(u *SharedObjectUpdate) {
	c.do(func() {
		for _, m := range u.Messages(c.speaks()) {
			c.tell(m)
		}
	})
}

// sharedObject hands a client's message about a shared object to the Handler.
func (c *Conn) sharedObject(m Message) error {
	if m.StreamID != 0 {
		return nil // shared objects belong to the connection
	}
	parsed, err := parseSharedObject(m, clientsSharedObjects)
	if err != nil {
		return err
	}
	c.handler.SharedObject(c, parsed)
	return nil
}
