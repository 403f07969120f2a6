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

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/netconn"
)

// monkey is a client that does what comes to its mind with the temporary object x, and maybe with the persistent one.
type monkey struct {
	b       *table
	app     string
	kinds   int // 1 is temporary alone
	random  *rand.Rand
	client  *netconn.Client
	objects [2]*netconn.RemoteSharedObject

	mu       sync.Mutex
	current  [2]*netconn.RemoteSharedObject
	versions [2]uint32 // greatest that was seen
	back     []string  // where one was smaller
}

// come connects, and follows the persistent object from where it was.
func (m *monkey) come() {
	c, err := m.b.house.from(here).Dial(m.b.t, netconn.ConnectOptions{App: m.app, Encoding: netconn.Encoding(3 * m.random.IntN(2))}, netconn.ClientEvents{})
	if err != nil {
		m.b.t.Fatal(err)
	}
	m.client = c
	for n := range m.kinds {
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
		m.saw(n, object)
	}
	var err error
	if object, err = m.client.SharedObject("x", o); err != nil {
		m.b.t.Fatal(err)
	}
	m.objects[n] = object
	m.mu.Lock()
	m.current[n] = object
	m.mu.Unlock()
	close(ready)
}

// saw notes the version of an object. What an earlier connection still brings while it ends is not what the client goes by.
func (m *monkey) saw(n int, o *netconn.RemoteSharedObject) {
	version := o.Version()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.current[n] != o {
		return
	}
	if version < m.versions[n] {
		m.back = append(m.back, fmt.Sprintf("object %d: %d after %d", n, version, m.versions[n]))
	}
	m.versions[n] = version
}

// act does one thing.
func (m *monkey) act() {
	n := m.random.IntN(m.kinds)
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

// unlock gives back all locks.
func (k *keeperMonkey) unlock() {
	for ; k.depth > 0; k.depth-- {
		k.object.Unlock()
	}
}

// rounds is how often all act at the same time, and are compared.
const rounds = 60

// letLoose has all of them act some times at once, and waits until all is quiet.
func letLoose(all []*monkey) {
	var acting sync.WaitGroup
	for _, m := range all {
		acting.Go(func() {
			for range 1 + m.random.IntN(6) {
				m.act()
			}
		})
	}
	acting.Wait()
	synctest.Wait()
}

// compare says who sees something else than the owner has.
func (b *table) compare(round int, n int, o *apps.SharedObject, all []*monkey) {
	b.t.Helper()
	var want string
	b.on(func() { want = described(o.Names(), func(name string) amf.Value { v, _ := o.Get(name); return v }) })
	for i, m := range all {
		snapshot := m.objects[n].Snapshot()
		got := described(slices.Collect(maps.Keys(snapshot)), func(name string) amf.Value { return snapshot[name] })
		if got != want {
			b.t.Errorf("round %d: object %d is %s, client %d of %s has %s", round, n, want, i, m.app, got)
		}
		for _, line := range m.back {
			b.t.Errorf("client %d: a version goes back, %s", i, line)
		}
	}
	if b.t.Failed() {
		b.t.FailNow()
	}
}

func TestEverybodyConvergesWhateverTheyDo(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			atTable(t, nil, func(t *testing.T, b *table) { monkeys(b, seed) })
		})
	}
}

func monkeys(b *table, seed uint64) {
	var keepers []*keeperMonkey
	for n := range 2 {
		keepers = append(keepers, &keeperMonkey{random: rand.New(rand.NewPCG(seed, uint64(100+n))), object: b.object("x", n == 1)})
	}
	var all []*monkey
	for n := range 4 {
		m := &monkey{b: b, app: "table", kinds: 2, random: rand.New(rand.NewPCG(seed, uint64(n)))}
		m.come()
		all = append(all, m)
	}
	for round := range rounds {
		for range 5 {
			b.instance().Do(func() {
				for _, k := range keepers {
					k.act()
				}
			})
		}
		letLoose(all)
		for _, k := range keepers { // a client that waits for one object waits for all
			b.on(k.unlock)
		}
		for n, k := range keepers {
			b.compare(round, n, k.object, all)
		}
	}
}

func TestClientsOfAProxyConvergeWithThoseOfTheOwner(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			atTable(t, nil, func(t *testing.T, b *table) { proxyMonkeys(b, seed) })
		})
	}
}

func proxyMonkeys(b *table, seed uint64) {
	e := b.edge()
	owner := b.object("x", false)
	e.attach()
	var all []*monkey
	for n, app := range []string{"table", "table", "table/edge", "table/edge"} {
		m := &monkey{b: b, app: app, kinds: 1, random: rand.New(rand.NewPCG(seed, uint64(n)))}
		m.come()
		all = append(all, m)
	}
	for round := range rounds {
		letLoose(all)
		b.compare(round, 0, owner, all)
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
