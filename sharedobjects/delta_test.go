package sharedobjects

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestChangesAreWhatAClientMissed(t *testing.T) {
	o := New("o", Limits{})
	set(t, o, "a", 1) // 1
	set(t, o, "b", 1) // 2
	set(t, o, "c", 1) // 3
	o.Delete("b")     // 4
	set(t, o, "a", 2) // 5
	if d := o.Changes(2); d.Clear || len(d.Set) != 2 || d.Set[0].Name != "c" || d.Set[1].Name != "a" ||
		!slices.Equal(d.Removed, []string{"b"}) || d.Version != 5 {
		t.Errorf("since 2: %+v", d)
	}
	if d := o.Changes(5); !d.Empty() || d.Version != 5 {
		t.Errorf("since 5: %+v", d)
	}
	for _, since := range []uint32{0, 6} {
		if d := o.Changes(since); !d.Clear || len(d.Set) != 2 || d.Set[0].Name != "a" {
			t.Errorf("since %d: %+v", since, d)
		}
	}
}

func TestResyncDepth(t *testing.T) {
	for _, test := range []struct {
		depth int
		since uint32
		clear bool
	}{
		{-5, 1, false}, {0, 10, false}, {0, 9, true}, {3, 7, false}, {3, 6, true}, {3, 11, true},
	} {
		o := New("o", Limits{})
		o.SetResyncDepth(test.depth)
		for i := range 10 {
			set(t, o, "x", i)
		}
		if d := o.Changes(test.since); d.Clear != test.clear {
			t.Errorf("depth %d, since %d: %+v", o.ResyncDepth(), test.since, d)
		}
		if d := o.Last(); d.Clear || len(d.Set) != 1 {
			t.Errorf("depth %d: the last batch is %+v", test.depth, d)
		}
	}
}

func TestRemovalsBeyondTheDepthAreForgotten(t *testing.T) {
	o := New("o", Limits{})
	o.SetResyncDepth(2)
	for i := range 100 {
		set(t, o, fmt.Sprint(i), i)
		o.Delete(fmt.Sprint(i))
	}
	if len(o.slots) > 2 {
		t.Errorf("%d removals are kept", len(o.slots))
	}
	o.SetResyncDepth(-1)
	if d := o.Changes(100); !d.Clear {
		t.Errorf("what was forgotten is missing in %+v", d)
	}
}

func TestLastIsWhatTheLastBatchChanged(t *testing.T) {
	o := New("o", Limits{})
	if d := o.Last(); !d.Empty() || d.Version != 0 {
		t.Errorf("nothing has changed: %+v", d)
	}
	set(t, o, "a", 1)
	if d := o.Last(); d.Clear || len(d.Set) != 1 || d.Version != 1 {
		t.Errorf("the first batch: %+v", d)
	}
	o.Delete("a")
	if d := o.Last(); d.Clear || len(d.Set) != 0 || !slices.Equal(d.Removed, []string{"a"}) {
		t.Errorf("the second batch: %+v", d)
	}
}

func TestPurge(t *testing.T) {
	o := New("o", Limits{})
	set(t, o, "a", 1)
	set(t, o, "b", 1)
	o.Delete("a") // 3
	o.Delete("b") // 4
	o.Purge(4)
	if d := o.Changes(3); d.Clear || !slices.Equal(d.Removed, []string{"b"}) {
		t.Errorf("since 3: %+v", d)
	}
	if d := o.Changes(2); !d.Clear {
		t.Errorf("since 2: %+v", d)
	}
}

func TestClear(t *testing.T) {
	o := New("o", Limits{})
	if o.Clear() || o.Version() != 0 {
		t.Error("an empty object was cleared")
	}
	set(t, o, "a", 1)
	o.Begin()
	if !o.Clear() {
		t.Error("was not cleared")
	}
	set(t, o, "b", 1)
	o.Commit()
	wantNames(t, o, "b")
	if d := o.Last(); !d.Clear || len(d.Set) != 1 || d.Version != 2 {
		t.Errorf("the batch is %+v", d)
	}
	if d := o.Changes(2); !d.Empty() {
		t.Errorf("since the clear: %+v", d)
	}
	if o.Size() != 10 {
		t.Errorf("%d bytes", o.Size())
	}
}

// Clients that are away for any time converge, whatever happens meanwhile, and whether the object goes to the disk and comes
// back.
func TestClientsConverge(t *testing.T) {
	before := flag.Lookup("rapid.steps").Value.String()
	defer flag.Set("rapid.steps", before)
	if err := flag.Set("rapid.steps", "100"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := 0
	rapid.Check(t, func(r *rapid.T) {
		files++
		s, err := Open(fmt.Sprintf("%s/%d", dir, files), Options{})
		if err != nil {
			r.Fatal(err)
		}
		defer s.Close()
		s.db.NoSync = true
		n := s.Instance("app", "room")
		m := &model{Object: n.Create("o"), values: map[string]float64{}, namespace: n}
		m.Object.SetLimits(Limits{MaxRemembered: rapid.SampledFrom([]int{1, 3, -1}).Draw(r, "remembered")})
		m.clients = make([]replica, 3)
		r.Repeat(map[string]func(*rapid.T){
			"set":     m.set,
			"replace": m.set,
			"delete":  m.delete,
			"clear":   m.clear,
			"begin":   m.begin,
			"commit":  m.commit,
			"depth":   func(r *rapid.T) { m.SetResyncDepth(rapid.IntRange(-1, 5).Draw(r, "depth")) },
			"purge":   func(r *rapid.T) { m.Purge(m.Version() - min(m.Version(), rapid.Uint32Range(0, 5).Draw(r, "back"))) },
			"sync":    m.sync,
			"follow":  m.follow,
			"reload":  m.reload,
			"written": func(*rapid.T) { m.namespace.Commit(m.Object) },
			"":        m.check,
		})
	})
}

type model struct {
	*Object
	namespace *Namespace
	values    map[string]float64
	clients   []replica
	follower  replica // is told of each batch
	open      int
	highest   uint32
}

var propertyNames = rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})

func (m *model) set(r *rapid.T) {
	name, value := propertyNames.Draw(r, "name"), rapid.Float64().Draw(r, "value")
	m.values[name] = value
	if _, err := m.Set(name, value); err != nil {
		r.Fatal(err)
	}
}

func (m *model) delete(r *rapid.T) {
	name := propertyNames.Draw(r, "name")
	_, was := m.values[name]
	delete(m.values, name)
	if _, had := m.Delete(name); had != was {
		r.Fatalf("%s was there: %t", name, had)
	}
}

func (m *model) begin(*rapid.T) {
	if m.open < 2 {
		m.Begin()
		m.open++
	}
}

// clear is rare, so that deltas grow long.
func (m *model) clear(r *rapid.T) {
	if rapid.IntRange(0, 4).Draw(r, "clear") == 0 {
		m.Clear()
		clear(m.values)
	}
}

func (m *model) commit(r *rapid.T) {
	m.Commit()
	m.open = max(m.open-1, 0)
}

// tell checks a delta and gives it to a client.
func (m *model) tell(r *rapid.T, c *replica, d Delta) {
	for _, p := range d.Set {
		if slices.Contains(d.Removed, p.Name) {
			r.Fatalf("%s was set and removed: %+v", p.Name, d)
		}
	}
	c.apply(d)
	if !c.same(m.Object) {
		r.Fatalf("client has %v after %+v", c.values, d)
	}
}

// sync is a client that comes back.
func (m *model) sync(r *rapid.T) {
	c := &m.clients[rapid.IntRange(0, len(m.clients)-1).Draw(r, "client")]
	m.tell(r, c, m.Changes(c.version))
}

// follow is a client that has everything, and then the next batch.
func (m *model) follow(r *rapid.T) {
	if m.open > 0 {
		return
	}
	m.tell(r, &m.follower, m.Changes(m.follower.version))
	m.Begin()
	m.set(r)
	m.delete(r)
	m.Commit()
	m.tell(r, &m.follower, m.Last())
}

func (m *model) reload(r *rapid.T) {
	if m.open > 0 {
		return
	}
	before := m.Version()
	m.namespace.Release(m.Object)
	o, err := m.namespace.Load("o")
	if err != nil {
		r.Fatal(err)
	}
	if o.Version() != before {
		r.Fatalf("version %d became %d", before, o.Version())
	}
	o.SetLimits(m.limits)
	m.Object = o
}

func (m *model) check(r *rapid.T) {
	if m.Version() < m.highest {
		r.Fatalf("version went back from %d to %d", m.highest, m.Version())
	}
	m.highest = m.Version()
	size := 0
	for name, v := range m.All() {
		size += len(name) + 9
		if m.values[name] != v {
			r.Fatalf("%s is %v", name, v)
		}
	}
	if m.Len() != len(m.values) || len(m.Names()) != len(m.values) || m.Size() != size {
		r.Fatalf("%d properties in %d bytes, not %d in %d", m.Len(), m.Size(), len(m.values), size)
	}
}
