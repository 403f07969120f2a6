package netconn

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"afterglow/amf"

	"github.com/google/go-cmp/cmp"
)

// remote is a client's object whose server is the test.
type remote struct {
	*RemoteSharedObject
	t         testing.TB
	client    *Client
	transport *fakeTransport
	told      []string
}

func newRemote(t testing.TB, o SharedObjectOptions) *remote {
	t.Helper()
	r := &remote{t: t, transport: new(fakeTransport)}
	r.client = NewClient(r.transport, ClientEvents{})
	o.Sync = func(changes []SyncChange) {
		for _, c := range changes {
			r.told = append(r.told, strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Code, c.Name, amf.Format(c.OldValue))))
		}
	}
	object, err := r.client.SharedObject("x", o)
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteSharedObject = object
	return r
}

// hear brings events of the server.
func (r *remote) hear(version uint32, events ...SharedObjectEvent) {
	r.t.Helper()
	m := SharedObjectMessage{Name: "x", Persistent: r.persistent, Version: version, Events: events}
	for _, m := range NewSharedObjectUpdate(m).Messages(AMF0) {
		if err := r.client.dispatch(m); err != nil {
			r.t.Fatal(err)
		}
	}
}

// asks takes what the client has sent.
func (r *remote) asks() (all []*SharedObjectMessage) {
	r.t.Helper()
	for _, m := range r.transport.sent {
		parsed, err := parseSharedObject(m, clientsSharedObjects)
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, parsed)
	}
	r.transport.sent = nil
	return all
}

func (r *remote) is(want map[string]amf.Value, told ...string) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.Snapshot()); diff != "" {
		r.t.Errorf("properties (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(told, r.told); diff != "" {
		r.t.Errorf("told (-want +got):\n%s", diff)
	}
	r.told = nil
}

type slotValues = map[string]amf.Value

func change(name string, v amf.Value) SharedObjectEvent {
	return SharedObjectEvent{Type: SOChange, Name: name, Value: v}
}
func success(name string) SharedObjectEvent { return SharedObjectEvent{Type: SOSuccess, Name: name} }
func removed(name string) SharedObjectEvent { return SharedObjectEvent{Type: SORemove, Name: name} }

func opened(t *testing.T, events ...SharedObjectEvent) *remote {
	r := newRemote(t, SharedObjectOptions{})
	r.hear(1, append([]SharedObjectEvent{{Type: SOUseSuccess}, {Type: SOClear}}, events...)...)
	r.told = nil
	return r
}

func TestSetIsSeenAtOnceAndConfirmed(t *testing.T) {
	r := opened(t, change("k", 1.0))
	if err := r.Set("k", 2.0); err != nil {
		t.Fatal(err)
	}
	r.is(slotValues{"k": 2.0})
	r.hear(2, success("k"))
	r.is(slotValues{"k": 2.0}, "success k 1")
	r.hear(3, change("k", 5.0))
	r.is(slotValues{"k": 5.0}, "change k 2")
	r.hear(3, success("k")) // of nothing
	r.is(slotValues{"k": 5.0})
}

func TestLostSetIsRejected(t *testing.T) {
	r := opened(t, change("k", 1.0))
	_ = r.Set("k", 2.0)
	r.hear(2, change("k", 3.0)) // somebody was faster
	r.is(slotValues{"k": 3.0}, "reject k 2")
	r.hear(2, change("k", 3.0)) // and that is the answer
	r.is(slotValues{"k": 3.0}, "change k 3")
	_ = r.Set("k", 4.0)
	r.hear(3, success("k"))
	r.is(slotValues{"k": 4.0}, "success k 3")
}

func TestSetThatWinsAfterAllIsShownAgain(t *testing.T) {
	r := opened(t, change("k", 1.0))
	_ = r.Set("k", 2.0)
	_ = r.Set("k", 3.0)
	r.hear(2, change("k", 9.0))
	r.is(slotValues{"k": 9.0}, "reject k 3")
	r.hear(3, success("k"))
	r.hear(4, success("k"))
	r.is(slotValues{"k": 3.0}, "success k 9", "success k 3")
}

func TestDeletedPropertyComesBack(t *testing.T) {
	r := opened(t, change("k", 1.0))
	_ = r.Delete("k")
	r.is(slotValues{})
	_ = r.Set("k", 2.0)
	r.hear(2, removed("k"))
	r.hear(3, success("k"))
	r.is(slotValues{"k": 2.0}, "delete k 2", "success k null")
	r.hear(4, removed("k"))
	r.is(slotValues{}, "delete k 2")
}

func TestClearLeavesWhatIsAskedFor(t *testing.T) {
	r := opened(t, change("k", 1.0), change("l", 1.0))
	_ = r.Set("k", 2.0)
	r.hear(2, SharedObjectEvent{Type: SOClear})
	r.is(slotValues{"k": 2.0}, "clear  null")
	r.hear(3, success("k"))
	r.is(slotValues{"k": 2.0}, "success k null")
}

func TestWithoutTheRightToWriteTheServersValuesCount(t *testing.T) {
	r := opened(t, change("k", 1.0), change("l", 2.0))
	_ = r.Set("k", 3.0)
	_ = r.Delete("l")
	_ = r.Set("m", 4.0)
	r.hear(1, SharedObjectEvent{Type: SOStatus, Name: string(SharedObjectNoWriteAccess), Level: LevelError})
	if diff := cmp.Diff(slotValues{"k": 1.0, "l": 2.0}, r.Snapshot()); diff != "" || len(r.told) != 3 {
		t.Errorf("told %v (-want +got):\n%s", r.told, diff)
	}
}

func TestVersionsDoNotRunBackwards(t *testing.T) {
	r := opened(t, change("k", 1.0))
	for _, step := range []struct {
		version uint32
		event   SharedObjectEvent
		want    uint32
	}{
		{5, change("k", 2.0), 5}, {4, removed("k"), 5}, {0, SharedObjectEvent{Type: SOStatus, Name: "c", Level: "error"}, 5},
		{9, SharedObjectEvent{Type: SOSend, Name: "f"}, 5}, {6, success("k"), 6}, {2, SharedObjectEvent{Type: SOClear}, 2},
	} {
		r.hear(step.version, step.event)
		if got := r.Version(); got != step.want {
			t.Errorf("version %d after %v in %d, want %d", got, step.event, step.version, step.want)
		}
	}
}

func TestResumedObjectBeginsWithWhatTheServerHadConfirmed(t *testing.T) {
	old := opened(t, change("k", 1.0), change("l", 1.0))
	_ = old.Set("l", 2.0)
	_ = old.Set("m", 2.0)
	_ = old.Delete("k")
	old.client.Closed(errCut)
	r := newRemote(t, SharedObjectOptions{Resume: old.RemoteSharedObject})
	r.is(slotValues{"k": 1.0, "l": 1.0})
	if asked := r.asks(); len(asked) != 1 || asked[0].Version != 1 || asked[0].Events[0].Type != SOUse {
		t.Errorf("asks %+v", asked[0])
	}
	if err := old.Set("l", 3.0); !errors.Is(err, errCut) {
		t.Errorf("setting a property after the end: %v", err)
	}
}

func TestWhatCannotBeEncodedIsNotSet(t *testing.T) {
	r := opened(t)
	for _, err := range []error{r.Set("k", &amf.ByteArray{}), r.Set("k", struct{}{}), r.Send("f", struct{}{}), r.Set("", 1.0), r.Delete(""),
		r.Send(""), r.Set(strings.Repeat("k", 1<<16), 1.0)} {
		if err == nil {
			t.Error("no error")
		}
	}
	if _, err := r.client.SharedObject("", SharedObjectOptions{}); !errors.Is(err, ErrSharedObjectName) {
		t.Error(err)
	}
	r.asks()
	r.is(slotValues{})
}

// model is a server with one object that takes everything, or refuses changes made without knowing of another's.
type model struct {
	refuses bool
	version uint32
	values  map[string]amf.Value
	changed map[string]uint32
	by      map[string]*remote
}

func (s *model) take(from *remote, m *SharedObjectMessage, send func(to *remote, e SharedObjectEvent), all []*remote) {
	for _, e := range m.Events {
		if e.Type != SORequestChange && e.Type != SORequestRemove {
			continue
		}
		if s.refuses && s.by[e.Name] != from && m.Version < s.changed[e.Name] {
			if v, ok := s.values[e.Name]; ok {
				send(from, change(e.Name, v))
			} else {
				send(from, removed(e.Name))
			}
			continue
		}
		s.version++
		s.changed[e.Name], s.by[e.Name] = s.version, from
		answer, others := success(e.Name), change(e.Name, e.Value)
		if s.values[e.Name] = e.Value; e.Type == SORequestRemove {
			answer, others = removed(e.Name), removed(e.Name)
			delete(s.values, e.Name)
		}
		for _, r := range all {
			if r == from {
				send(r, answer)
			} else {
				send(r, others)
			}
		}
	}
}

// Clients that write at the same time see the same in the end, and that is what the server has, whatever way it serialises them.
func TestClientsConverge(t *testing.T) {
	for _, refuses := range []bool{false, true} {
		for seed := range uint64(500) {
			converge(t, refuses, rand.New(rand.NewPCG(seed, 1)))
		}
	}
}

func converge(t *testing.T, refuses bool, dice *rand.Rand) {
	s := &model{refuses: refuses, values: slotValues{}, changed: make(map[string]uint32), by: make(map[string]*remote)}
	type letter struct {
		version uint32
		event   SharedObjectEvent
	}
	var all []*remote
	up, down := make(map[*remote][]*SharedObjectMessage), make(map[*remote][]letter)
	for range 3 {
		r := newRemote(t, SharedObjectOptions{})
		r.hear(0, SharedObjectEvent{Type: SOUseSuccess}, SharedObjectEvent{Type: SOClear})
		all = append(all, r)
	}
	send := func(to *remote, e SharedObjectEvent) { down[to] = append(down[to], letter{s.version, e}) }
	arrive := func(r *remote) {
		if len(up[r]) > 0 {
			s.take(r, up[r][0], send, all)
			up[r] = up[r][1:]
		}
	}
	hear := func(r *remote) {
		if len(down[r]) > 0 {
			r.hear(down[r][0].version, down[r][0].event)
			down[r] = down[r][1:]
		}
	}
	for i := range 60 {
		r, name := all[dice.IntN(3)], string(rune('a'+dice.IntN(2)))
		switch dice.IntN(5) {
		case 0, 1:
			_ = r.Set(name, float64(i))
		case 2:
			_ = r.Delete(name)
		case 3:
			arrive(r)
		case 4:
			hear(r)
		}
		up[r] = append(up[r], r.asks()...)
	}
	for range 200 {
		for _, r := range all {
			arrive(r)
			hear(r)
		}
	}
	for i, r := range all {
		if !maps.Equal(r.Snapshot(), s.values) {
			t.Fatalf("refusing %v: client %d has %v, the server %v", refuses, i, r.Snapshot(), s.values)
		}
	}
}

// FuzzRemoteSharedObject has a server say anything.
func FuzzRemoteSharedObject(f *testing.F) {
	for _, test := range goldenEvents {
		f.Add(true, octets(f, test.amf0))
		f.Add(false, octets(f, test.amf3))
	}
	f.Fuzz(func(t *testing.T, zero bool, events []byte) {
		r := newRemote(t, SharedObjectOptions{Persistent: true})
		_ = r.Set("a", 1.0)
		_ = r.Delete("b")
		m := Message{Type: TypeSharedObjectAMF0, Payload: append(octets(t, "0001 'x' 00000007 00000002 00000000"), events...)}
		if !zero {
			m.Type, m.Payload = TypeSharedObjectAMF3, append([]byte{0}, m.Payload...)
		}
		if err := r.client.dispatch(m); err != nil && !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrLimit) {
			t.Errorf("refused with %v", err)
		}
		_ = r.Set("a", 2.0)
		if v, ok := r.Get("a"); r.Err() == nil && (v != 2.0 || !ok) {
			t.Errorf("a is %v", v)
		}
		r.client.Closed(errCut)
		if r.Set("a", 3.0) == nil {
			t.Error("goes on after the end")
		}
	})
}
