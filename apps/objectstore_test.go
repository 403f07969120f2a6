package apps_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
)

func TestPersistentObjectsOutliveTheInstance(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one := b.peer()
		kept(one, 0, use)
		one.Expect("0 object x@0 persistent, use success, clear")
		kept(one, 0, want("a", 1.0), want("b", 2.0))
		one.Expect("0 object x@1 persistent, success a, success b")
		kept(one, 1, unwant("a"))
		one.Expect("0 object x@2 persistent, remove a")
		follows(one)
		about(one, 0, want("k", "lost"))
		one.Expect("0 object x@1, success k")
		b.restart(one)

		one = b.peer()
		follows(one) // the temporary one has gone
		kept(one, 0, use)
		one.Expect("0 object x@2 persistent, use success, clear, change b 2")
		kept(one, 2, want("c", 3.0))
		one.Expect("0 object x@3 persistent, success c")

		two := b.peer()
		kept(two, 1, use) // who was there before is told what has changed since
		two.Expect("0 object x@3 persistent, use success, remove a, change c 3")
		kept(two, 3, quit, use)
		two.Expect("0 object x@3 persistent, use success")
		kept(two, 99, quit, use) // a version that was never
		two.Expect("0 object x@3 persistent, use success, clear, change b 2, change c 3")
	})
}

func TestClientsThatComeBackGetWhatHasChanged(t *testing.T) {
	depth := func(n int) func(*configs.Config) {
		return func(c *configs.Config) { c.SharedObjects.ResyncDepth = n }
	}
	for _, test := range []struct {
		name  string
		depth int
		want  string
	}{
		{"all versions", -1, "use success, remove a, change c 3"},
		{"deep enough", 2, "use success, remove a, change c 3"},
		{"not deep enough", 1, "use success, clear, change b 2, change c 3"},
		{"never", 0, "use success, clear, change b 2, change c 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			atTable(t, depth(test.depth), func(t *testing.T, b *table) {
				one := b.peer()
				o := b.object("x", true)
				b.on(func() {
					_, _ = o.Set("a", 1.0), o.Set("b", 2.0)
					o.Delete("a")
					_ = o.Set("c", 3.0)
				})
				kept(one, 2, use)
				one.Expect("0 object x@4 persistent, " + test.want)
			})
		})
	}
}

func TestTheApplicationPurgesAndBoundsWhatIsRemembered(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one := b.peer()
		o := b.object("x", true)
		b.on(func() {
			_, _ = o.Set("a", 1.0), o.Set("b", 2.0)
			o.Delete("a")
			o.Purge(4)
		})
		kept(one, 2, use)
		one.Expect("0 object x@3 persistent, use success, clear, change b 2")
		b.on(func() { o.SetResyncDepth(0) })
		kept(one, 2, quit, use)
		one.Expect("0 object x@3 persistent, use success, clear, change b 2")
		if o.ResyncDepth() != 0 {
			t.Errorf("the depth is %d", o.ResyncDepth())
		}
	})
}

func TestObjectsAreStoredByThemselvesAndOnDemand(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		o, temporary := b.object("x", true), b.object("x", false)
		dirty := func(want bool) {
			t.Helper()
			b.on(func() {
				if o.Dirty() != want {
					t.Errorf("dirty: %t", o.Dirty())
				}
			})
		}
		dirty(false)
		b.on(func() { _, _ = o.Set("a", 1.0), temporary.Set("a", 1.0) })
		dirty(true)
		time.Sleep(time.Second) // sharedObjects.commitInterval
		dirty(false)
		b.on(func() {
			_ = o.Set("a", 2.0)
			if err := o.Flush(); err != nil || o.Dirty() {
				t.Errorf("flush: %v", err)
			}
			if temporary.Dirty() || temporary.Flush() != nil {
				t.Error("a temporary object is not always clean")
			}
			o.SetAutoCommit(false)
			_ = o.Set("a", 3.0)
		})
		time.Sleep(10 * time.Second)
		dirty(true)
		b.do(func(i *apps.Instance) {
			if !i.CommitSharedObjects("other") || !o.Dirty() || !i.CommitSharedObjects("x") || o.Dirty() {
				t.Error("the object of that name is not stored")
			}
			_ = o.Set("a", 4.0)
			if !i.CommitSharedObjects("") || o.Dirty() {
				t.Error("not all is stored")
			}
			_ = o.Set("a", 5.0)
			o.SetAutoCommit(true)
			if !o.AutoCommit() {
				t.Error("it does not commit")
			}
		})
		time.Sleep(time.Second)
		dirty(false)
		one := b.peer()
		kept(one, 0, use, want("a", 6.0))
		dirty(true)
		time.Sleep(time.Second)
		dirty(false)
		b.on(func() {
			o.SetAutoCommit(false)
			_ = o.Set("a", 7.0)
		})
		b.restart(one)
		o = b.object("x", true)
		b.on(func() {
			if v, _ := o.Get("a"); v != 7.0 {
				t.Errorf("what nobody uses any more is not stored: %v", v)
			}
		})
	})
}

func TestSharedObjectsAreClearedByPath(t *testing.T) {
	names := []string{"a", "room/1", "room/2", "room/deep/3"}
	for _, test := range []struct {
		path string
		left []string
	}{
		{"/", nil},
		{"/a", names[1:]},
		{"/room/*", names[:1]},
		{"/room/?", []string{"a", "room/deep/3"}},
		{"/none", names},
		{"", names},
	} {
		t.Run("path "+test.path, func(t *testing.T) {
			atTable(t, nil, func(t *testing.T, b *table) {
				one := b.peer()
				for _, name := range names { // stored ones that nobody uses
					o := b.object(name, true)
					b.on(func() {
						_ = o.Set("k", 1.0)
						o.Close()
					})
				}
				used, temporary := b.object("room/1", true), b.object("room/1", false)
				b.on(func() { _ = temporary.Set("k", 1.0) })
				say(one, netconn.SharedObjectMessage{Name: "room/1", Persistent: true, Events: []netconn.SharedObjectEvent{use}})
				one.Expect("0 object room/1@1 persistent, use success, clear, change k 1")
				b.do(func(i *apps.Instance) {
					if !i.ClearSharedObjects(test.path) {
						t.Error("it fails")
					}
				})
				if slices.Contains(test.left, "room/1") {
					one.ExpectNothing()
				} else {
					one.Expect("0 object room/1@2 persistent, clear")
				}
				if used.Len() != temporary.Len() {
					t.Errorf("of two objects of one name, one has %d properties and one %d", used.Len(), temporary.Len())
				}
				b.restart(one)
				synctest.Wait()
				for _, name := range names {
					o := b.object(name, true)
					b.on(func() {
						if want := slices.Contains(test.left, name); o.Len() > 0 != want {
							t.Errorf("%s has %d properties", name, o.Len())
						}
					})
				}
			})
		})
	}
}

func TestPersistentObjectsWithoutAStoreAreKeptInMemory(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		s.do(func() {
			o, err := s.near.SharedObject("x", true)
			if err != nil {
				t.Fatal(err)
			}
			if err := o.Set("k", 1.0); err != nil {
				t.Error(err)
			}
			if o.Flush() == nil {
				t.Error("what is nowhere is stored")
			}
			if !s.near.ClearSharedObjects("/") || o.Len() != 0 {
				t.Error("it is not cleared")
			}
			o.Close()
		})
	})
}
