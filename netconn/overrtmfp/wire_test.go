package overrtmfp_test

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

// rawClient is a client that is made of nothing but RTMFP: a session with a flow for each stream.
type rawClient struct {
	t        *testing.T
	endpoint *rtmfp.Endpoint
	session  *rtmfp.Session
	blackout func(time.Duration)
	virtual  bool
	changed  chan struct{} // a message has come, or the end

	// What belongs to the session's shard.
	control *rtmfp.ReceiveFlow // the server's, which flows of streams answer
	flows   map[uint32]*rtmfp.SendFlow
	brings  map[*rtmfp.ReceiveFlow][]uint8 // the types of messages that have come on each flow

	mu   sync.Mutex
	came []netconn.Message
	err  error
}

// Open opens a session on which nothing is said.
func (s *server) Open(t *testing.T) netconntest.Wire { return s.raw(t) }

func (s *server) raw(t *testing.T) *rawClient {
	t.Helper()
	at := s.site()
	w := &rawClient{t: t, blackout: at.blackout, virtual: s.virtual, changed: make(chan struct{}, 1), flows: make(map[uint32]*rtmfp.SendFlow),
		brings: make(map[*rtmfp.ReceiveFlow][]uint8)}
	c := at.config
	c.Crypto, c.Identity, c.Shards, c.Log = flash.Profile{}, identity(t, false), 1, quiet
	var err error
	if w.endpoint, err = rtmfp.Listen(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.endpoint.Close() })
	w.session, err = w.endpoint.Dial(t.Context(), rtmfp.DialConfig{
		Discriminator: flash.Discriminator{Ancillary: []byte("rtmfp://localhost/live")}.Append(nil), Addresses: s.endpoint.Addrs(),
		Handler: rtmfp.SessionFuncs{OnFlow: w.flow, OnClosed: func(_ *rtmfp.Session, err error) { w.end(err) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// metadataOf is that of a flow with RTMP messages (RFC 7425 5.1.1).
func metadataOf(streamID uint32) []byte {
	return wire.AppendVLU([]byte{'T', 'C', 4}, uint64(streamID))
}

// flow takes every flow of the server's.
func (w *rawClient) flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	b := f.Metadata()
	id, _, err := wire.ParseVLU(b[3:])
	if err != nil {
		w.t.Errorf("metadata % X", b)
	}
	if w.control == nil && id == 0 {
		w.control = f
	}
	return rtmfp.FlowFuncs{OnMessage: func(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
		if kind := m.Data[0]; !slices.Contains(w.brings[f], kind) {
			w.brings[f] = append(w.brings[f], kind)
		}
		w.take(uint32(id), m.Data)
	}}
}

func (w *rawClient) take(streamID uint32, b []byte) {
	m := netconn.Message{Type: b[0], Timestamp: binary.BigEndian.Uint32(b[1:]), StreamID: streamID, Payload: append([]byte(nil), b[5:]...)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.came = append(w.came, m)
	w.tell()
}

func (w *rawClient) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	w.tell()
}

func (w *rawClient) tell() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// Send puts a message on the flow of its stream.
func (w *rawClient) Send(m netconn.Message) error {
	w.do(func() {
		f := w.flows[m.StreamID]
		if f == nil {
			if f = w.open(m.StreamID); f == nil {
				return
			}
			w.flows[m.StreamID] = f
		}
		w.put(f, m)
	})
	return nil
}

// do has f run on the session's shard.
func (w *rawClient) do(f func()) { w.session.Do(f) }

// open opens a flow for a stream.
func (w *rawClient) open(streamID uint32) *rtmfp.SendFlow {
	f, err := w.session.OpenFlow(rtmfp.FlowConfig{Metadata: metadataOf(streamID), Return: w.control, Handler: rtmfp.SendFuncs{
		// One that the server has rejected is opened anew for the next message.
		OnEnded: func(f *rtmfp.SendFlow, _ error) {
			if w.flows[streamID] == f {
				delete(w.flows, streamID)
			}
		},
	}})
	if err != nil {
		return nil
	}
	return f
}

func (w *rawClient) put(f *rtmfp.SendFlow, m netconn.Message) {
	head := append([]byte{m.Type}, binary.BigEndian.AppendUint32(nil, m.Timestamp)...)
	_, _ = f.Send(rtmfp.Outgoing{Head: head, Body: m.Payload})
}

// Receive waits for a message of any flow.
func (w *rawClient) Receive() (netconn.Message, error) {
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
func (w *rawClient) Settle() ([]netconn.Message, error) {
	for range 3 {
		heard := make(chan struct{})
		w.do(func() { w.session.Probe(func() { close(heard) }) })
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
func (w *rawClient) Cut() {
	if w.blackout != nil {
		w.Freeze()
	}
	_ = w.endpoint.Close()
}

func (w *rawClient) Freeze() { w.blackout(1000 * time.Hour) }
