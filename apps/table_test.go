package apps_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/sharedobjects"
)

// sharing is an application whose clients connect with rights of their own: the connect arguments.
type sharing struct{ stage }

func (*sharing) Connect(c *apps.Client, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	a := c.Accept()
	if len(r.Args) == 2 {
		a.Rights.Read, _ = r.Args[0].(string)
		a.Rights.Write, _ = r.Args[1].(string)
	}
	reply.Give(a)
}

// table is what a test of shared objects has: an application with a store in which an instance keeps its objects.
type table struct {
	t      *testing.T
	house  *house
	app    *sharing
	keeper *netconntest.Peer // keeps the instance from ending
}

// atTable runs a test of shared objects in virtual time.
func atTable(t *testing.T, change func(*configs.Config), run func(t *testing.T, b *table)) {
	t.Helper()
	config := configs.Default()
	config.Applications.Dir = t.TempDir()
	if change != nil {
		change(config)
	}
	file := filepath.Join(t.TempDir(), "objects.db")
	synctest.Test(t, func(t *testing.T) {
		store, err := sharedobjects.Open(file, sharedobjects.Options{CommitInterval: config.SharedObjects.CommitInterval})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		b := &table{t: t, house: openWith(t, config, store), app: &sharing{stage{instances: make(map[string]*apps.Instance)}}}
		b.house.Register("table", b.app)
		t.Cleanup(func() { _ = b.house.Close(context.Background()) })
		b.keeper = b.peer()
		run(t, b)
	})
}

// peer connects a client.
func (b *table) peer() *netconntest.Peer {
	b.t.Helper()
	p := connected(b.t, b.house.from(here), app("table"))
	synctest.Wait()
	return p
}

// modern connects a client that speaks AMF3.
func (b *table) modern() *netconntest.Peer {
	b.t.Helper()
	p := netconntest.Connected(b.t, b.house.from(here), app("table"), amf.Property{Name: "objectEncoding", Value: 3.0})
	p.Expect("amf3 0 onBWDone 0 null")
	return p
}

// limited connects a client with rights of its own.
func (b *table) limited(read, write string) *netconntest.Peer {
	b.t.Helper()
	p := netconntest.NewPeer(b.t, b.house.from(here))
	p.Command(0, "connect", 1, amf.NewObject(app("table"), amf.Property{Name: "tcUrl", Value: "rtmp://localhost/table"}), read, write)
	p.Until("0 _result 1 ")
	p.Expect("0 onBWDone 0 null")
	return p
}

// instance is the running one.
func (b *table) instance() *apps.Instance {
	b.app.mu.Lock()
	defer b.app.mu.Unlock()
	return b.app.instances["_definst_"]
}

// do runs f on the goroutine of the instance and waits until all is quiet.
func (b *table) do(f func(i *apps.Instance)) {
	b.t.Helper()
	i := b.instance()
	if !i.Do(func() { f(i) }) {
		b.t.Fatal("the instance has ended")
	}
	synctest.Wait()
}

// object has the application get a shared object.
func (b *table) object(name string, persistent bool) (o *apps.SharedObject) {
	b.t.Helper()
	b.do(func(i *apps.Instance) {
		var err error
		if o, err = i.SharedObject(name, persistent); err != nil {
			b.t.Error(err)
		}
	})
	return o
}

// on runs f on the goroutine of the instance that has an object.
func (b *table) on(f func()) {
	b.t.Helper()
	b.do(func(*apps.Instance) { f() })
}

// restart has all clients go, so that the instance ends, and starts it anew.
func (b *table) restart(others ...*netconntest.Peer) {
	b.t.Helper()
	for _, p := range append(others, b.keeper) {
		p.Cut()
	}
	synctest.Wait()
	if n := len(b.house.Instances()); n > 0 {
		b.t.Fatalf("%d instances go on", n)
	}
	b.keeper = b.peer()
}

// about sends a message about the temporary object x.
func about(p *netconntest.Peer, version uint32, events ...netconn.SharedObjectEvent) {
	say(p, netconn.SharedObjectMessage{Name: "x", Version: version, Events: events})
}

// kept sends a message about the persistent object x.
func kept(p *netconntest.Peer, version uint32, events ...netconn.SharedObjectEvent) {
	say(p, netconn.SharedObjectMessage{Name: "x", Persistent: true, Version: version, Events: events})
}

func say(p *netconntest.Peer, m netconn.SharedObjectMessage) {
	for _, m := range netconn.NewSharedObjectUpdate(m).Messages(netconn.AMF0) {
		p.Send(m)
	}
	synctest.Wait()
}

// What clients say.
var (
	use  = netconn.SharedObjectEvent{Type: netconn.SOUse}
	quit = netconn.SharedObjectEvent{Type: netconn.SORelease}
)

func want(name string, v amf.Value) netconn.SharedObjectEvent {
	return netconn.SharedObjectEvent{Type: netconn.SORequestChange, Name: name, Value: v}
}

func unwant(name string) netconn.SharedObjectEvent {
	return netconn.SharedObjectEvent{Type: netconn.SORequestRemove, Name: name}
}

func shout(handler string, args ...amf.Value) netconn.SharedObjectEvent {
	return netconn.SharedObjectEvent{Type: netconn.SOSend, Name: handler, Args: args}
}

// follows has peers follow the new temporary object x.
func follows(peers ...*netconntest.Peer) {
	for _, p := range peers {
		about(p, 0, use)
		p.Expect("0 object x@0, use success, clear")
	}
}
