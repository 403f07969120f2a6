package sharedobjects

import (
	"math"
	"testing"
)

func TestVersionsGoOnAboveAllThatWereKnownBeforeACrash(t *testing.T) {
	for _, test := range []struct {
		why string
		use func(t *testing.T, n *Namespace, o *Object)
	}{
		{"nothing was written", func(*testing.T, *Namespace, *Object) {}},
		{"a later change was not written", func(t *testing.T, n *Namespace, o *Object) {
			flush(t, n, o)
			set(t, o, "a", 2)
		}},
		{"many changes were not written", func(t *testing.T, n *Namespace, o *Object) {
			flush(t, n, o)
			for i := range 3 * (ahead + credit) {
				set(t, o, "a", i)
			}
		}},
		{"the credit was used up without a write", func(t *testing.T, n *Namespace, o *Object) {
			for i := range credit - 1 {
				set(t, o, "a", i)
			}
		}},
		{"the credit was passed without a write", func(t *testing.T, n *Namespace, o *Object) {
			for i := range 2 * credit {
				set(t, o, "a", i)
			}
		}},
		{"dropped and loaded at the end of the credit", func(t *testing.T, n *Namespace, o *Object) {
			flush(t, n, o)
			for o.Version() < o.storage.lease.limit.Load() {
				set(t, o, "a", 2)
			}
			*o = *load(t, n, "o")
		}},
		{"removed in use", func(t *testing.T, n *Namespace, o *Object) {
			flush(t, n, o)
			if err := n.Remove("o"); err != nil {
				t.Fatal(err)
			}
			set(t, o, "a", 2)
		}},
		{"released, loaded and changed", func(t *testing.T, n *Namespace, o *Object) {
			n.Release(o)
			*o = *load(t, n, "o")
			for i := range credit - 1 {
				set(t, o, "a", i)
			}
		}},
	} {
		t.Run(test.why, func(t *testing.T) {
			s := newStore(t)
			for range 3 {
				n := s.Instance("app", "room")
				o := loadOrCreate(t, n)
				before := o.Version()
				set(t, o, "a", 1)
				test.use(t, n, o)
				known := o.Version()
				s = crashed(t, s)
				o = loadOrCreate(t, s.Instance("app", "room"))
				if known <= before || o.Version() <= known {
					t.Fatalf("version %d after %d", o.Version(), known)
				}
				if d := o.Changes(known); !d.Clear {
					t.Errorf("a client with lost changes gets %+v", d)
				}
				set(t, o, "b", 1)
				if d := o.Changes(known); !d.Clear {
					t.Errorf("a client with lost changes gets %+v", d)
				}
			}
		})
	}
}

func loadOrCreate(t *testing.T, n *Namespace) *Object {
	t.Helper()
	if names, err := n.Names("o"); err != nil || len(names) == 0 {
		return n.Create("o")
	}
	return load(t, n, "o")
}

func TestNewObjectsOfARemovedNameGoOnWithVersions(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	for i := range 20 {
		o := n.Create("o")
		before := o.Version()
		set(t, o, "a", 1)
		set(t, o, "a", 2)
		version := o.Version()
		if i%2 == 0 {
			n.Release(o)
		}
		if err := n.Remove("o"); err != nil {
			t.Fatal(err)
		}
		switch i % 5 {
		case 3:
			s = reopen(t, s)
		case 4:
			s = crashed(t, s)
		}
		n = s.Instance("app", "room")
		if o := n.Create("o"); o.Version() <= version || before >= version {
			t.Fatalf("%d: version %d after %d", i, o.Version(), version)
		}
	}
}

func TestObjectDroppedWithoutCommitIsSeenAsOlder(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	set(t, o, "a", 1)
	flush(t, n, o)
	set(t, o, "a", 2)
	for range 2 {
		o = load(t, n, "o")
		want(t, o, "a", 1.0)
		if o.Version() != 3 || !o.Changes(2).Clear || !o.Changes(1).Clear {
			t.Errorf("version %d, %+v", o.Version(), o.Changes(2))
		}
		n.Release(o)
		s = reopen(t, s)
		n = s.Instance("app", "room")
	}
}

func TestFlushInABatchStoresWhatIsThereThen(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	o.Begin()
	set(t, o, "a", 1)
	flush(t, n, o)
	c := crashed(t, s)
	want(t, load(t, c.Instance("app", "room"), "o"), "a", 1.0)
	o.Commit()
	n.Release(o)
	if o = load(t, n, "o"); o.Version() != 1 || o.Changes(1).Clear {
		t.Errorf("version %d, %+v", o.Version(), o.Changes(1))
	}
}

func TestCleanEndTakesNoVersions(t *testing.T) {
	s := newStore(t)
	for i := range 5 {
		n := s.Instance("app", "room")
		o := loadOrCreate(t, n)
		if o.Version() != uint32(i) {
			t.Fatalf("version %d at the start of round %d", o.Version(), i)
		}
		set(t, o, "a", i)
		n.Commit(o)
		if i%2 == 0 {
			n.Release(o)
		}
		s = reopen(t, s)
	}
	// A run that has handed out nothing may crash.
	s = crashed(t, crashed(t, s))
	if o := load(t, s.Instance("app", "room"), "o"); o.Version() != 5 {
		t.Errorf("version %d", o.Version())
	}
}

func TestVersionsAreSpentUpNotOver(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	o.version = math.MaxUint32 - 2
	for i := range 5 {
		set(t, o, "a", i)
		flush(t, n, o)
	}
	s = crashed(t, s)
	o = load(t, s.Instance("app", "room"), "o")
	set(t, o, "a", "x")
	if o.Version() != math.MaxUint32 || !o.Changes(o.Version()).Clear {
		t.Errorf("version %d", o.Version())
	}
	if s.credits(math.MaxUint32) != math.MaxUint32 {
		t.Errorf("credits overflow to %d", s.credits(math.MaxUint32))
	}
}

func TestReservationLastsLong(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	set(t, o, "a", 1)
	flush(t, n, o)
	before := s.Stats().Transactions
	for i := range ahead {
		set(t, o, "a", i)
	}
	if got := s.Stats().Transactions - before; got != 0 {
		t.Errorf("%d transactions", got)
	}
}
