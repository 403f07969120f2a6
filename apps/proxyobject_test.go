package apps_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
)

// edge is an instance whose object x has its owner in the table's default instance.
type edge struct {
	*table
	instance *apps.Instance
	object   *apps.SharedObject
	keeper   *netconntest.Peer
}

func (b *table) edge() *edge {
	b.t.Helper()
	e := &edge{table: b, keeper: b.edgePeer()}
	b.app.mu.Lock()
	e.instance = b.app.instances["edge"]
	b.app.mu.Unlock()
	e.do(func() {
		var err error
		if e.object, err = e.instance.ProxySharedObject("x", false); err != nil {
			b.t.Error(err)
		}
	})
	return e
}

func (b *table) edgePeer() *netconntest.Peer {
	b.t.Helper()
	p := connected(b.t, b.house.from(here), app("table/edge"))
	synctest.Wait()
	return p
}

func (e *edge) do(f func()) {
	e.t.Helper()
	if !e.instance.Do(f) {
		e.t.Fatal("the instance has ended")
	}
	synctest.Wait()
}

// attach connects the edge to the owner.
func (e *edge) attach() *netconn.Client {
	e.t.Helper()
	c, err := e.house.from(there).Dial(e.t, netconn.ConnectOptions{App: "table"}, netconn.ClientEvents{})
	if err != nil {
		e.t.Fatal(err)
	}
	e.do(func() {
		if err := e.object.Attach(c); err != nil {
			e.t.Error(err)
		}
	})
	return c
}

func TestAProxiedObjectIsItsOwners(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		e := b.edge()
		var told, ownerTold []string
		owner := b.object("x", false)
		b.on(func() {
			owner.Listen(listener(&ownerTold))
			_ = owner.Set("k", "early")
		})
		e.do(func() { e.object.Listen(listener(&told)) })
		e.attach()
		expectTold(t, &told, `clear  was null, change k was null`)
		near, one, two := b.peer(), b.edgePeer(), b.edgePeer()
		about(near, 0, use)
		near.Expect(`0 object x@1, use success, clear, change k "early"`)
		for _, p := range []*netconntest.Peer{one, two} {
			about(p, 0, use)
			p.Expect(`0 object x@1, use success, clear, change k "early"`)
		}

		about(one, 1, want("k", "one"))
		near.Expect(`0 object x@2, change k "one"`)
		one.Expect("0 object x@2, success k")
		two.Expect(`0 object x@2, change k "one"`)
		expectTold(t, &told, `success k was "early"`)
		expectTold(t, &ownerTold, `change k was "early"`)

		about(near, 2, want("k", "near"))
		near.Expect("0 object x@3, success k")
		one.Expect(`0 object x@3, change k "near"`)
		two.Expect(`0 object x@3, change k "near"`)
		expectTold(t, &told, `change k was "one"`)

		about(two, 3, unwant("k"), shout("hear", 1.0))
		near.Expect("0 object x@4, remove k", "0 object x@4, send hear [1]")
		one.Expect("0 object x@4, remove k", "0 object x@4, send hear [1]")
		two.Expect("0 object x@4, remove k", "0 object x@4, send hear [1]")
		expectTold(t, &told, `delete k was null`, "hear[1] of nobody") // gone here at once
		ownerTold = nil

		e.do(func() {
			if e.object.Lock() != -1 || e.object.Clear() || !e.object.Proxied() {
				t.Error("a proxied object can be locked or cleared")
			}
			_ = e.object.Set("s", 1.0)
			e.object.Send("from", "script")
		})
		near.Expect("0 object x@5, change s 1", `0 object x@5, send from ["script"]`)
		one.Expect("0 object x@5, change s 1", `0 object x@5, send from ["script"]`)
		b.on(func() { owner.Clear() })
		one.Expect("0 object x@6, clear")
		two.Until("0 object x@6, clear")
	})
}

func TestAProxiedObjectWithoutItsOwnerIsIdle(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		e := b.edge()
		one := b.edgePeer()
		follows(one)
		about(one, 0, want("k", "lost"))
		e.do(func() {
			if e.object.Set("k", "lost") == nil || e.object.Send("hear") {
				t.Error("an object without an owner takes something")
			}
		})
		one.ExpectNothing()
		c := e.attach()
		near := b.peer()
		about(near, 0, use)
		near.Expect("0 object x@0, use success, clear")
		one.Expect("0 object x@0, clear")
		about(one, 0, want("k", "taken"))
		one.Expect("0 object x@1, success k")
		near.Expect(`0 object x@1, change k "taken"`)

		c.Close()
		<-c.Done()
		e.do(e.object.Detach)
		about(one, 1, want("k", "lost"))
		one.ExpectNothing()
		about(near, 1, want("k", "near"))
		near.Expect("0 object x@2, success k")
		e.attach()
		one.Until(`0 object x@2, clear, change k "near"`) // all of it again
	})
}

func TestAnOwnersRefusalReachesWhoAsked(t *testing.T) {
	atTable(t, func(c *configs.Config) { c.SharedObjects.MaxProperties = 1 }, func(t *testing.T, b *table) {
		e := b.edge()
		owner := b.object("x", false)
		e.attach()
		one, two := b.edgePeer(), b.edgePeer()
		follows(one, two)
		about(one, 0, want("k", 1.0))
		one.Expect("0 object x@1, success k")
		two.Expect("0 object x@1, change k 1")
		about(two, 1, want("l", 1.0))
		two.Expect("0 object x@1, remove l")
		if owner.Len() != 1 {
			t.Errorf("the owner has %d", owner.Len())
		}
	})
}

func TestAnObjectInUseCannotBecomeAProxy(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one := b.peer()
		follows(one)
		b.do(func(i *apps.Instance) {
			if _, err := i.ProxySharedObject("x", false); !errors.Is(err, apps.ErrObjectInUse) {
				t.Errorf("got %v", err)
			}
			first, err := i.ProxySharedObject("y", false)
			if err != nil {
				t.Fatal(err)
			}
			again, err := i.ProxySharedObject("y", false)
			if err != nil || again != first {
				t.Errorf("got another: %v", err)
			}
			first.Close()
			again.Close()
			if i.FindSharedObject("y", false) != nil {
				t.Error("nobody uses it, and it is there")
			}
		})
	})
}

func TestVersionsOfACopyMeanNothingLater(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one := b.peer()
		b.do(func(i *apps.Instance) {
			if _, err := i.ProxySharedObject("x", true); err != nil {
				t.Error(err)
			}
		})
		owner := b.edgePeer()
		b.app.mu.Lock()
		far := b.app.instances["edge"]
		b.app.mu.Unlock()
		kept(owner, 0, use, want("a", 1.0), want("b", 2.0))
		c, err := b.house.from(there).Dial(t, netconn.ConnectOptions{App: far.Name()}, netconn.ClientEvents{})
		if err != nil {
			t.Fatal(err)
		}
		b.do(func(i *apps.Instance) {
			if err := i.FindSharedObject("x", true).Attach(c); err != nil {
				t.Error(err)
			}
		})
		kept(one, 1, use) // a version of an earlier copy
		one.Expect("0 object x@1 persistent, use success, clear, change a 1, change b 2")
	})
}
