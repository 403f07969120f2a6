package overrtmfptest

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/wire"
)

// Wire is a client that is made of nothing but RTMFP: a session with a flow for each stream.
type Wire struct {
	Endpoint *rtmfp.Endpoint
	Session  *rtmfp.Session
	Blackout func(time.Duration)

	// What belongs to the session's shard.
	Control *rtmfp.ReceiveFlow // the server's, which flows of streams answer
	Flows   map[uint32]*rtmfp.SendFlow
	Brings  map[*rtmfp.ReceiveFlow][]uint8 // the types of messages that have come on each flow

	t       *testing.T
	virtual bool
	changed chan struct{} // a message has come, or the end
	mu      sync.Mutex
	came    []netconn.Message
	err     error
}

// Open opens a session on which nothing is said.
func (s *Server) Open(t *testing.T) netconntest.Wire {
	t.Helper()
	return s.Raw(t)
}

// Raw is Open, for those who want to see more of the session.
func (s *Server) Raw(t *testing.T) *Wire {
	t.Helper()
	at := s.Site()
	w := &Wire{t: t, Blackout: at.Blackout, virtual: s.virtual, changed: make(chan struct{}, 1), Flows: make(map[uint32]*rtmfp.SendFlow),
		Brings: make(map[*rtmfp.ReceiveFlow][]uint8)}
	c := at.Config
	c.Crypto, c.Identity, c.Shards, c.Log = flash.Profile{}, Identity(t, false), 1, quiet
	var err error
	if w.Endpoint, err = rtmfp.Listen(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Endpoint.Close() })
	w.Session, err = w.Endpoint.Dial(t.Context(), rtmfp.DialConfig{
		Discriminator: flash.Discriminator{Ancillary: []byte("rtmfp://localhost/live")}.Append(nil), Addresses: s.Endpoint.Addrs(),
		Handler: rtmfp.SessionFuncs{OnFlow: w.flow, OnClosed: func(_ *rtmfp.Session, err error) { w.end(err) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Metadata is that of a flow with RTMP messages (RFC 7425 5.1.1).
func Metadata(streamID uint32) []byte {
	return wire.AppendVLU([]byte{'T', 'C', 4}, uint64(streamID))
}

// flow takes every flow of the server's.
func (w *Wire) flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	b := f.Metadata()
	id, _, err := wire.ParseVLU(b[3:])
	if err != nil {
		w.t.Errorf("metadata % X", b)
	}
	if w.Control == nil && id == 0 {
		w.Control = f
	}
	return rtmfp.FlowFuncs{OnMessage: func(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
		if kind := m.Data[0]; !slices.Contains(w.Brings[f], kind) {
			w.Brings[f] = append(w.Brings[f], kind)
		}
		w.take(uint32(id), m.Data)
	}}
}

func (w *Wire) take(streamID uint32, b []byte) {
	m := netconn.Message{Type: b[0], Timestamp: binary.BigEndian.Uint32(b[1:]), StreamID: streamID, Payload: append([]byte(nil), b[5:]...)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.came = append(w.came, m)
	w.tell()
}

func (w *Wire) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	w.tell()
}

func (w *Wire) tell() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// Send puts a message on the flow of its stream.
func (w *Wire) Send(m netconn.Message) error {
	w.Do(func() {
		f := w.Flows[m.StreamID]
		if f == nil {
			if f = w.OpenFlow(m.StreamID); f == nil {
				return
			}
			w.Flows[m.StreamID] = f
		}
		w.Put(f, m)
	})
	return nil
}

// Do has f run on the session's shard.
func (w *Wire) Do(f func()) { w.Session.Do(f) }

// OpenFlow opens a flow for a stream.
func (w *Wire) OpenFlow(streamID uint32) *rtmfp.SendFlow {
	f, err := w.Session.OpenFlow(rtmfp.FlowConfig{Metadata: Metadata(streamID), Return: w.Control, Handler: rtmfp.SendFuncs{
		// One that the server has rejected is opened anew for the next message.
		OnEnded: func(f *rtmfp.SendFlow, _ error) {
			if w.Flows[streamID] == f {
				delete(w.Flows, streamID)
			}
		},
	}})
	if err != nil {
		return nil
	}
	return f
}

// Put sends a message on a flow.
func (w *Wire) Put(f *rtmfp.SendFlow, m netconn.Message) {
	head := append([]byte{m.Type}, binary.BigEndian.AppendUint32(nil, m.Timestamp)...)
	_, _ = f.Send(rtmfp.Outgoing{Head: head, Body: m.Payload})
}

// Receive waits for a message of any flow.
func (w *Wire) Receive() (netconn.Message, error) {
	late := time.After(30 * time.Second)
	for {
		w.mu.Lock()
		if len(w.came) > 0 {
			m := w.came[0]
			w.came = w.came[1:]
			w.mu.Unlock()
			return m, nil
		}
		err := w.err
		w.mu.Unlock()
		if err != nil {
			return netconn.Message{}, err
		}
		select {
		case <-w.changed:
		case <-late:
			return netconn.Message{}, errors.New("nothing comes")
		}
	}
}

// Settle goes to the server and back some times: what was sent before is behind nothing then but what was lost. In virtual time
// all goroutines come to rest besides.
func (w *Wire) Settle() ([]netconn.Message, error) {
	for range 3 {
		heard := make(chan struct{})
		w.Do(func() { w.Session.Probe(func() { close(heard) }) })
		select {
		case <-heard:
		case <-time.After(30 * time.Second):
			return nil, errors.New("no sign of life")
		}
	}
	if w.virtual {
		synctest.Wait()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	came := w.came
	w.came = nil
	return came, nil
}

// Cut ends the endpoint: in the simulated network without a word, else with the one packet that every end has.
func (w *Wire) Cut() {
	if w.Blackout != nil {
		w.Freeze()
	}
	_ = w.Endpoint.Close()
}

// Freeze has the client neither hear nor say anything from now on.
func (w *Wire) Freeze() { w.Blackout(1000 * time.Hour) }
