package sharedobjects

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// obstruct hands over what the file refuses, until the returned function is called.
func obstruct(s *Store) (clear func()) {
	bad := objectKey{"app", "bad"}
	s.stage(bad, &entry{records: map[string][]byte{"": {1}}})
	return func() { s.stage(bad, &entry{wipe: true}) }
}

func TestWhatCannotBeWrittenIsTriedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "objects.db")
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, path, Options{})
		defer s.Close()
		n := s.Instance("app", "room")
		o, other := n.Create("o"), n.Create("other")
		set(t, o, "a", 1)
		set(t, o, "b", 1)
		flush(t, n, o)
		o.Delete("b")
		clear := obstruct(s)
		if err := n.Flush(o); err == nil || !strings.Contains(err.Error(), s.path) {
			t.Errorf("Flush: %v", err)
		}
		n.Commit(other)
		if !o.Dirty() || s.Stats().Failures == 0 {
			t.Errorf("dirty %t, %+v", o.Dirty(), s.Stats())
		}
		time.Sleep(5 * DefaultCommitInterval)
		clear()
		time.Sleep(DefaultCommitInterval)
		synctest.Wait()
		if o.Dirty() || other.Dirty() {
			t.Errorf("not written: %+v", s.Stats())
		}
		n.Release(o)
		n.Release(other)
		wantNames(t, load(t, n, "o"), "a")
		load(t, n, "other")
	})
}

func TestWhatIsHandedOverDuringAFailureComesOnTop(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	set(t, o, "a", 1)
	set(t, o, "b", 1)
	first := o.handOver()
	set(t, o, "a", 2)
	second := o.handOver()
	key := o.storage.key
	s.mu.Lock()
	s.pending[key] = second
	s.takeBack(map[objectKey]*entry{key: first}, errors.New("disk full"))
	s.mu.Unlock()
	if err := s.sync(); err != nil || o.Dirty() {
		t.Errorf("dirty %t, %v", o.Dirty(), err)
	}
	o = load(t, n, "o")
	wantNames(t, o, "a", "b")
	want(t, o, "a", 2.0)
}

func TestObjectThatCouldNotBeReleasedIsUsedOn(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	set(t, o, "a", 1)
	clear := obstruct(s)
	n.Release(o)
	o = n.Create("o")
	set(t, o, "b", 1)
	n.Commit(o)
	clear()
	if err := s.sync(); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.InUse != 1 {
		t.Errorf("%d objects in use", st.InUse)
	}
	known := o.Version()
	o = load(t, crashed(t, s).Instance("app", "room"), "o")
	wantNames(t, o, "b")
	if o.Version() <= known {
		t.Errorf("version %d after %d", o.Version(), known)
	}
}

func TestDiskThatFailsDoesNotStopAnObject(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	clear := obstruct(s)
	defer clear()
	o := n.Create("o")
	for i := range 2*credit + 1 {
		set(t, o, "a", i)
	}
	if o.Version() != 2*credit+1 {
		t.Errorf("version %d", o.Version())
	}
	if st := s.Stats(); st.Failures > 5 {
		t.Errorf("it was tried %d times", st.Failures)
	}
}
