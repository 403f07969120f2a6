package apps_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/netconn"
)

// monkey is a client that does what comes to its mind with the persistent and the temporary object x.
type monkey struct {
	b       *table
	random  *rand.Rand
	client  *netconn.Client
	objects [2]*netconn.RemoteSharedObject

	mu       sync.Mutex
	versions [2]uint32 // greatest that was seen
	back     []string  // where one was smaller
}

// come connects, and follows the persistent object from where it was.
func (m *monkey) come() {
	c, err := m.b.house.from(here).Dial(m.b.t, netconn.ConnectOptions{App: "table", Encoding: netconn.Encoding(3 * m.random.IntN(2))}, netconn.ClientEvents{})
	if err != nil {
		m.b.t.Fatal(err)
	}
	m.client = c
	for n := range m.objects {
		m.follow(n)
	}
}

func (m *monkey) follow(n int) {
	o := netconn.SharedObjectOptions{Persistent: n == 1}
	if n == 1 {
		o.Resume = m.objects[n]
	}
	var object *netconn.RemoteSharedObject
	ready := make(chan struct{})
	o.Sync = func([]netconn.SyncChange) {
		<-ready
		m.saw(n, object.Version())
	}
	var err error
	if object, err = m.client.SharedObject("x", o); err != nil {
		m.b.t.Fatal(err)
	}
	m.objects[n] = object
	close(ready)
}

func (m *monkey) saw(n int, version uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if version < m.versions[n] {
		m.back = append(m.back, fmt.Sprintf("object %d: %d after %d", n, version, m.versions[n]))
	}
	m.versions[n] = version
}

// act does one thing.
func (m *monkey) act() {
	n := m.random.IntN(2)
	o, name := m.objects[n], fmt.Sprint("k", m.random.IntN(5))
	switch m.random.IntN(12) {
	case 0:
		_ = o.Delete(name)
	case 1:
		_ = o.Send("hear", name)
	case 2:
		_ = o.Close()
		m.follow(n)
	case 3:
		m.client.Close()
		if m.random.IntN(2) == 0 {
			<-m.client.Done()
		}
		m.come()
	default:
		_ = o.Set(name, float64(m.random.IntN(1000)))
	}
}

// keeper is the application's part in it.
type keeperMonkey struct {
	random *rand.Rand
	object *apps.SharedObject
	depth  int
}

func (k *keeperMonkey) act() {
	name := fmt.Sprint("k", k.random.IntN(5))
	switch k.random.IntN(10) {
	case 0:
		k.object.Clear()
	case 1:
		k.object.Delete(name)
	case 2, 3:
		k.object.Lock()
		k.depth++
	case 4, 5:
		if k.depth > 0 {
			k.object.Unlock()
			k.depth--
		}
	case 6:
		k.object.SetResyncDepth(k.random.IntN(20) - 1)
	default:
		_ = k.object.Set(name, "script "+name)
	}
}

func TestEverybodyConvergesWhateverTheyDo(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			atTable(t, nil, func(t *testing.T, b *table) { monkeys(t, b, seed) })
		})
	}
}

func monkeys(t *testing.T, b *table, seed uint64) {
	var keepers []*keeperMonkey
	var objects [2]*apps.SharedObject
	for n := range objects {
		objects[n] = b.object("x", n == 1)
		keepers = append(keepers, &keeperMonkey{random: rand.New(rand.NewPCG(seed, uint64(100+n))), object: objects[n]})
	}
	var all []*monkey
	var running sync.WaitGroup
	for n := range 4 {
		m := &monkey{b: b, random: rand.New(rand.NewPCG(seed, uint64(n)))}
		m.come()
		all = append(all, m)
	}
	for _, m := range all {
		running.Go(func() {
			for range 150 {
				m.act()
				time.Sleep(time.Duration(m.random.IntN(20)) * time.Millisecond)
			}
		})
	}
	for range 200 {
		b.instance().Do(func() {
			for _, k := range keepers {
				k.act()
			}
		})
		time.Sleep(5 * time.Millisecond)
	}
	b.on(func() {
		for _, k := range keepers {
			for ; k.depth > 0; k.depth-- {
				k.object.Unlock()
			}
		}
	})
	running.Wait()
	synctest.Wait()
	for n, o := range objects {
		var want string
		b.on(func() { want = described(o.Names(), func(name string) amf.Value { v, _ := o.Get(name); return v }) })
		for i, m := range all {
			snapshot := m.objects[n].Snapshot()
			got := described(slices.Collect(maps.Keys(snapshot)), func(name string) amf.Value { return snapshot[name] })
			if got != want || m.objects[n].Version() != o.Version() {
				t.Errorf("object %d is %s@%d, client %d has %s@%d", n, want, o.Version(), i, got, m.objects[n].Version())
			}
			for _, line := range m.back {
				t.Errorf("client %d: a version goes back, %s", i, line)
			}
		}
	}
}

// described is an object as a line.
func described(names []string, get func(string) amf.Value) string {
	slices.Sort(names)
	var out []string
	for _, name := range names {
		out = append(out, name+": "+amf.Format(get(name)))
	}
	return strings.Join(out, ", ")
}
