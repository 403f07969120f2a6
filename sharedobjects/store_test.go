package sharedobjects

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
)

func TestStoredObjectComesBack(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	if _, err := n.Load("users"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("an object that was never stored: %v", err)
	}
	o := n.Create("users")
	if !o.Persistent() || o.Dirty() || o.Version() != 0 {
		t.Errorf("new: persistent %t, dirty %t, version %d", o.Persistent(), o.Dirty(), o.Version())
	}
	set(t, o, "anna", "a")
	set(t, o, "bert", "b")
	set(t, o, "cleo", "c")
	o.Delete("bert") // 4
	if !o.Dirty() {
		t.Error("a changed object is not dirty")
	}
	flush(t, n, o)
	if o.Dirty() {
		t.Error("a flushed object is dirty")
	}
	s = reopen(t, s)
	n = s.Instance("app", "room")
	o = load(t, n, "users")
	wantNames(t, o, "anna", "cleo")
	want(t, o, "cleo", "c")
	if o.Version() != 4 || o.Dirty() || !o.Persistent() {
		t.Errorf("version %d, dirty %t, persistent %t", o.Version(), o.Dirty(), o.Persistent())
	}
	if d := o.Changes(2); d.Clear || len(d.Set) != 1 || !slices.Equal(d.Removed, []string{"bert"}) {
		t.Errorf("a client that was away gets %+v", d)
	}
	if _, err := s.Instance("app", "other").Load("users"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the object of another instance: %v", err)
	}
}

func TestClearAndPurgeReachTheFile(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	set(t, o, "a", 1)
	set(t, o, "b", 1)
	o.Delete("a") // 3
	flush(t, n, o)
	o.Purge(4)
	n.Release(o)
	o = load(t, n, "o")
	if d := o.Changes(2); !d.Clear {
		t.Errorf("after a purge: %+v", d)
	}
	o.Clear()
	set(t, o, "c", 1)
	n.Release(o)
	o = load(t, n, "o")
	wantNames(t, o, "c")
	if d := o.Changes(3); !d.Clear {
		t.Errorf("after a clear: %+v", d)
	}
	if records := recordsOf(t, s, n, "o"); records != 2 {
		t.Errorf("%d records are stored", records)
	}
}

func recordsOf(t *testing.T, s *Store, n *Namespace, name string) (records int) {
	t.Helper()
	err := s.db.View(func(tx *bbolt.Tx) error {
		return objectBucket(tx, objectKey{n.key, name}).ForEach(func(k, v []byte) error {
			records++
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func TestOnlyChangesAreHandedOver(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	for i := range 1000 {
		set(t, o, fmt.Sprint(i), i)
	}
	flush(t, n, o)
	set(t, o, "7", "new")
	if e := o.handOver(); len(e.records) != 2 || e.wipe {
		t.Errorf("%d records are handed over", len(e.records))
	}
	if e := o.handOver(); e != nil {
		t.Errorf("without changes %+v is handed over", e)
	}
}

func TestWhatIsHandedOverDoesNotChange(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	set(t, o, "a", 1)
	n.Commit(o)
	set(t, o, "a", 2)
	set(t, o, "b", 2)
	if err := s.sync(); err != nil {
		t.Fatal(err)
	}
	c := crashed(t, s)
	o = load(t, c.Instance("app", "room"), "o")
	wantNames(t, o, "a")
	want(t, o, "a", 1.0)
}

func TestCommitIsDurableWithinTheInterval(t *testing.T) {
	path := filepath.Join(t.TempDir(), "objects.db")
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, path, Options{CommitInterval: 10 * time.Second})
		defer s.Close()
		n := s.Instance("app", "room")
		first, second := n.Create("first"), n.Create("second")
		before := s.Stats().Transactions
		set(t, first, "a", 1)
		n.Commit(first)
		time.Sleep(4 * time.Second)
		set(t, second, "a", 1)
		n.Commit(second)
		set(t, first, "a", 2)
		n.Commit(first)
		synctest.Wait()
		if !first.Dirty() || s.Stats().Pending != 2 {
			t.Errorf("written at once: %+v", s.Stats())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if first.Dirty() || second.Dirty() {
			t.Errorf("not written: %+v", s.Stats())
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := s.Stats().Transactions - before; got != 1 {
			t.Errorf("%d transactions", got)
		}
		set(t, first, "a", 3)
		n.Commit(first)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if first.Dirty() {
			t.Error("a later change was not written")
		}
	})
}

func TestCloseWritesWhatIsPending(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "new", "objects.db"), Options{CommitInterval: time.Hour})
	n := s.Instance("app", "room")
	o := n.Create("o")
	set(t, o, "a", 1)
	n.Commit(o)
	r := reopen(t, s)
	if got := load(t, r.Instance("app", "room"), "o"); got.Version() != 1 || got.Changes(1).Clear {
		t.Errorf("version %d", got.Version())
	}
	if err := s.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	set(t, o, "a", 2)
	n.Commit(o)
	if err := n.Flush(o); !errors.Is(err, ErrClosed) {
		t.Errorf("Flush: %v", err)
	}
	if _, err := n.Load("o"); !errors.Is(err, ErrClosed) {
		t.Errorf("Load: %v", err)
	}
	if _, err := n.Names(""); !errors.Is(err, ErrClosed) {
		t.Errorf("Names: %v", err)
	}
	if err := n.Remove("o"); !errors.Is(err, ErrClosed) {
		t.Errorf("Remove: %v", err)
	}
	if late := n.Create("late"); late.Len() != 0 {
		t.Error("not empty")
	}
	for i := range 2 * credit {
		set(t, o, "a", i) // does not wait for a store that is gone
	}
}

func TestRemoveAndNames(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	for _, name := range []string{"b/2", "a", "b/1", "c"} {
		n.Commit(n.Create(name))
	}
	for prefix, names := range map[string]string{"": "a b/1 b/2 c", "b/": "b/1 b/2", "x": ""} {
		got, err := n.Names(prefix)
		if err != nil || strings.Join(got, " ") != names {
			t.Errorf("%q: %q, %v", prefix, got, err)
		}
	}
	for _, name := range []string{"b/1", "b/1", "never"} {
		if err := n.Remove(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := n.Load("b/1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a removed object: %v", err)
	}
	if got, _ := n.Names(""); strings.Join(got, " ") != "a b/2 c" {
		t.Errorf("%q is left", got)
	}
}

func TestRemovedObjectInUseIsStoredAgain(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	set(t, o, "a", 1)
	set(t, o, "b", 1)
	n.Commit(o)
	o.Clear()
	if err := n.Remove("o"); err != nil {
		t.Fatal(err)
	}
	set(t, o, "c", 1)
	version := o.Version()
	n.Release(o)
	o = load(t, n, "o")
	wantNames(t, o, "c")
	if o.Version() != version {
		t.Errorf("version %d, not %d", o.Version(), version)
	}
}

func TestRemoveTakesWhatWasJustCommitted(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	set(t, o, "a", 1)
	n.Commit(o)
	if err := n.Remove("o"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Load("o"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a removed object: %v", err)
	}
}

func TestRemovedObjectLeavesNothing(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	set(t, o, "a", 1)
	n.Release(o)
	s = reopen(t, s)
	if err := s.Instance("app", "room").Remove("o"); err != nil {
		t.Fatal(err)
	}
	err := s.db.View(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{objectsBucket, reservationsBucket} {
			if key, _ := tx.Bucket(name).Cursor().First(); key != nil {
				t.Errorf("%q is left in %s", key, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCreateReplacesWhatIsStored(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	set(t, o, "a", 1)
	n.Release(o)
	o = n.Create("o")
	set(t, o, "b", 1)
	n.Release(o)
	wantNames(t, load(t, n, "o"), "b")
}

func TestReleasedObjectsAreNotRemembered(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	committed, changed, unused := n.Create("committed"), n.Create("changed"), n.Create("unused")
	set(t, committed, "a", 1)
	n.Commit(committed)
	set(t, changed, "a", 1)
	n.Commit(changed)
	set(t, changed, "a", 2)
	for _, o := range []*Object{committed, changed, unused} {
		n.Release(o)
	}
	if err := s.sync(); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.InUse != 0 {
		t.Errorf("%d objects are remembered", st.InUse)
	}
	if err := n.Flush(committed); !errors.Is(err, ErrTemporary) {
		t.Errorf("Flush of a released object: %v", err)
	}
	want(t, load(t, n, "changed"), "a", 2.0)
}

func TestNamesThatCannotBeStored(t *testing.T) {
	s := newStore(t)
	good := s.Instance("app", "room")
	for _, n := range []*Namespace{s.Instance("a\x00b", "c"), s.Instance(strings.Repeat("a", maxInstance), ""), good} {
		name := "o"
		if n == good {
			name = "a b"
		}
		o := n.Create(name)
		set(t, o, "x", 1)
		n.Commit(o)
		n.Release(o)
		if err := n.Flush(o); !errors.Is(err, ErrName) {
			t.Errorf("Flush: %v", err)
		}
		if _, err := n.Load(name); !errors.Is(err, ErrName) {
			t.Errorf("Load: %v", err)
		}
		if err := n.Remove(name); !errors.Is(err, ErrName) {
			t.Errorf("Remove: %v", err)
		}
	}
	other := newStore(t).Instance("app", "room").Create("o")
	for _, o := range []*Object{New("o", Limits{}), other, s.Instance("app", "other").Create("o")} {
		if err := good.Flush(o); !errors.Is(err, ErrTemporary) {
			t.Errorf("Flush of an object from elsewhere: %v", err)
		}
	}
	if o := New("o", Limits{}); o.Dirty() || o.Persistent() {
		t.Error("a temporary object is dirty or persistent")
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	s := newStore(t)
	if _, err := Open(s.path, Options{}); err == nil || !strings.Contains(err.Error(), "another process") || !strings.Contains(err.Error(), s.path) {
		t.Errorf("a file that is open: %v", err)
	}
	n := s.Instance("app", "room")
	o := n.Create("o")
	set(t, o, "a", strings.Repeat("x", 100000))
	flush(t, n, o)
	s.Close()
	content, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	for i, damaged := range [][]byte{content[:10], content[:4096*3], content[:4096*5], make([]byte, 1<<16)} {
		path := filepath.Join(t.TempDir(), "damaged.db")
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), path) {
			t.Errorf("damaged file %d: %v", i, err)
		}
	}
	blocked := filepath.Join(s.path, "below", "objects.db")
	if _, err := Open(blocked, Options{}); err == nil || !strings.Contains(err.Error(), s.path) {
		t.Errorf("a folder that cannot be made: %v", err)
	}
}

func TestFlushesShareTransactions(t *testing.T) {
	s := newStore(t)
	const flushers, rounds = 20, 10
	var wg sync.WaitGroup
	for i := range flushers {
		wg.Go(func() {
			n := s.Instance("app", fmt.Sprint(i))
			o := n.Create("o")
			for round := range rounds {
				if _, err := o.Set("x", round); err != nil {
					t.Error(err)
				}
				if err := n.Flush(o); err != nil || o.Dirty() {
					t.Errorf("dirty %t, %v", o.Dirty(), err)
				}
			}
			n.Release(o)
			if o, err := n.Load("o"); err != nil || o.Version() != rounds {
				t.Errorf("loaded: %v", err)
			}
		})
	}
	wg.Wait()
	if st := s.Stats(); st.Transactions > flushers*rounds/2 {
		t.Errorf("%d transactions for %d flushes", st.Transactions, flushers*rounds)
	}
}
