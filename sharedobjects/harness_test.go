package sharedobjects

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"afterglow/amf"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		os.Exit(child(path))
	}
	goleak.VerifyTestMain(m)
}

func openStore(t testing.TB, path string, o Options) *Store {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newStore(t testing.TB) *Store {
	t.Helper()
	return openStore(t, filepath.Join(t.TempDir(), "objects.db"), Options{})
}

// reopen closes the store and opens its file again.
func reopen(t *testing.T, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return openStore(t, s.path, s.options)
}

// crashed returns a store of what is on disk now, as if the process had been killed.
func crashed(t *testing.T, s *Store) *Store {
	t.Helper()
	content, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "objects.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return openStore(t, path, s.options)
}

func load(t *testing.T, n *Namespace, name string) *Object {
	t.Helper()
	o, err := n.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func flush(t testing.TB, n *Namespace, o *Object) {
	t.Helper()
	if err := n.Flush(o); err != nil {
		t.Fatal(err)
	}
}

func set(t testing.TB, o *Object, name string, v amf.Value) {
	t.Helper()
	if _, err := o.Set(name, v); err != nil {
		t.Fatal(err)
	}
}

func wantNames(t *testing.T, o *Object, names ...string) {
	t.Helper()
	if got := o.Names(); !slices.Equal(got, names) {
		t.Errorf("properties are %q, not %q", got, names)
	}
}

func want(t *testing.T, o *Object, name string, v amf.Value) {
	t.Helper()
	if got, ok := o.Get(name); !ok || !amf.Equal(got, v) {
		t.Errorf("%s is %s (there: %t), not %s", name, amf.Format(got), ok, amf.Format(v))
	}
}

// replica is what a client has.
type replica struct {
	values  map[string]amf.Value
	version uint32
}

func (r *replica) apply(d Delta) {
	if d.Clear || r.values == nil {
		r.values = make(map[string]amf.Value)
	}
	for _, name := range d.Removed {
		delete(r.values, name)
	}
	for _, p := range d.Set {
		r.values[p.Name] = p.Value
	}
	r.version = d.Version
}

// same reports whether the client has what the object has.
func (r *replica) same(o *Object) bool {
	if len(r.values) != o.Len() {
		return false
	}
	for name, v := range o.All() {
		if got, ok := r.values[name]; !ok || !amf.Equal(got, v) {
			return false
		}
	}
	return true
}
