package apps_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
)

func TestClientsFollowASharedObject(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one, two := b.peer(), b.peer()
		follows(one)
		about(one, 0, want("k", "v"))
		one.Expect("0 object x@1, success k")
		about(two, 0, use)
		two.Expect(`0 object x@1, use success, clear, change k "v"`)
		about(two, 1, want("k", 2.0))
		two.Expect("0 object x@2, success k")
		one.Expect("0 object x@2, change k 2")
		about(one, 2, unwant("k"))
		one.Expect("0 object x@3, remove k")
		two.Expect("0 object x@3, remove k")
		about(one, 3, shout("hear", "this", 1.0))
		one.Expect(`0 object x@3, send hear ["this", 1]`)
		two.Expect(`0 object x@3, send hear ["this", 1]`)
		about(two, 3, quit)
		about(one, 3, want("k", nil)) // as Flash deletes
		one.Expect("0 object x@3, remove k")
		about(one, 3, want("m", true))
		one.Expect("0 object x@4, success m")
		two.ExpectNothing()
		b.keeper.ExpectNothing()
		about(two, 4, use) // of a temporary object everything each time
		two.Expect("0 object x@4, use success, clear, change m true")
		about(one, 4, quit)
		about(two, 4, quit)
		about(one, 4, use) // which has gone with the last that followed it
		one.Expect("0 object x@0, use success, clear")
	})
}

func TestTheApplicationChangesASharedObject(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one, two := b.peer(), b.modern()
		o := b.object("x", false)
		b.on(func() { _ = o.Set("early", 1.0) })
		about(one, 0, use)
		one.Expect("0 object x@1, use success, clear, change early 1")
		about(two, 0, use)
		two.Expect("amf3 0 object x@1, use success, clear, change early 1")
		told := func(line string) {
			t.Helper()
			one.Expect("0 " + line)
			two.Expect("amf3 0 " + line)
		}
		list := amf.NewArray("a")
		b.on(func() { _ = o.Set("list", list) })
		told(`object x@2, change list ["a"]`)
		b.on(func() { // what is in it has changed, and it is the same
			list.Dense = append(list.Dense, "b")
			_ = o.Set("list", list)
		})
		told(`object x@3, change list ["a", "b"]`)
		b.on(func() { _ = o.Set("list", nil) })
		told("object x@4, remove list")
		b.on(func() {
			if o.Delete("list") {
				t.Error("what is not there is deleted")
			}
		})
		b.on(func() { _ = o.Set("early", amf.Undefined) })
		told("object x@5, remove early")
		b.on(func() { _ = o.Set("k", 1.0) })
		told("object x@6, change k 1")
		b.on(func() {
			if !o.Clear() || o.Len() != 0 {
				t.Error("it is not cleared")
			}
		})
		told("object x@7, clear")
		b.on(func() { o.Send("hear", 1.0) })
		told("object x@7, send hear [1]")
		one.ExpectNothing()
		two.ExpectNothing()
		about(one, 7, quit)
		about(two, 7, quit)
		about(one, 7, use)
		one.Expect("0 object x@7, use success, clear") // the application keeps it
		about(one, 7, quit)
		b.on(func() {
			o.Close()
			if o.Set("k", 1.0) != apps.ErrObjectClosed || o.Delete("k") || o.Clear() || o.Send("hear") || o.Lock() != -1 || o.Unlock() != -1 {
				t.Error("a closed object works")
			}
		})
		about(one, 7, use)
		one.Expect("0 object x@0, use success, clear")
	})
}

func TestSeveralWishesInOneMessageAreOneStep(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one, two := b.peer(), b.peer()
		o := b.object("x", false)
		var told []string
		b.on(func() { o.Listen(listener(&told)) })
		follows(one, two)
		about(one, 0, want("a", 1.0), want("b", 2.0), unwant("a"), shout("hear"), want("c", 3.0))
		one.Expect("0 object x@1, success a, success b, remove a, send hear [], success c")
		two.Expect("0 object x@1, change a 1, change b 2, remove a, send hear [], change c 3")
		expectTold(t, &told, "change a was null, change b was null, delete a was 1, change c was null", "hear[] of a client")
		about(one, 1, quit, use, want("d", 4.0), quit, use) // in their order
		one.Expect("0 object x@1, use success, clear, change b 2, change c 3", "0 object x@2, success d",
			"0 object x@2, use success, clear, change b 2, change c 3, change d 4")
		two.Expect("0 object x@2, change d 4")
		b.on(func() {
			_ = o.Set("own", 1.0)
			o.Send("own")
		})
		expectTold(t, &told, "change d was null") // nothing of what it does itself
	})
}

// listener writes down what an application is told.
func listener(told *[]string) apps.SharedObjectListener {
	return apps.SharedObjectListener{
		Sync: func(changes []netconn.SyncChange) {
			var all []string
			for _, c := range changes {
				all = append(all, fmt.Sprintf("%s %s was %s", c.Code, c.Name, amf.Format(c.OldValue)))
			}
			*told = append(*told, strings.Join(all, ", "))
		},
		Message: func(from *apps.Client, handler string, args []amf.Value) {
			who := "nobody"
			if from != nil {
				who = "a client"
			}
			*told = append(*told, fmt.Sprintf("%s%s of %s", handler, amf.Format(amf.NewArray(args...)), who))
		},
	}
}

func expectTold(t *testing.T, told *[]string, want ...string) {
	t.Helper()
	synctest.Wait()
	if !slices.Equal(*told, want) {
		t.Errorf("the application was told\n%q\nwant\n%q", *told, want)
	}
	*told = nil
}

func TestRightsOfSharedObjects(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		b.object("open/x", false)
		all := b.peer()
		say(all, netconn.SharedObjectMessage{Name: "open/x", Events: []netconn.SharedObjectEvent{use}})
		all.Expect("0 object open/x@0, use success, clear")
		reader := b.limited("open", "other")
		try := func(name string, events ...netconn.SharedObjectEvent) {
			say(reader, netconn.SharedObjectMessage{Name: name, Events: events})
		}
		try("other/x", use)
		reader.Expect("0 object other/x@0, status SharedObject.NoReadAccess error")
		try("open/new", use) // which would have to be made
		reader.Expect("0 object open/new@0, status SharedObject.ObjectCreationFailed error")
		try("open/x", want("k", 1.0))
		reader.Expect("0 object open/x@0, status SharedObject.NoWriteAccess error") // not followed
		try("open/x", use)
		reader.Expect("0 object open/x@0, use success, clear")
		for _, e := range []netconn.SharedObjectEvent{want("k", 1.0), unwant("k"), shout("hear")} {
			try("open/x", e)
			reader.Expect("0 object open/x@0, status SharedObject.NoWriteAccess error")
		}
		all.ExpectNothing()
		say(all, netconn.SharedObjectMessage{Name: "open/x", Events: []netconn.SharedObjectEvent{want("k", 1.0)}})
		all.Expect("0 object open/x@1, success k")
		reader.Expect("0 object open/x@1, change k 1")

		writer := b.limited("", "/")
		say(writer, netconn.SharedObjectMessage{Name: "open/x", Events: []netconn.SharedObjectEvent{use}})
		writer.Expect("0 object open/x@0, status SharedObject.NoReadAccess error")
	})
}

func TestTheOtherPersistenceIsTheOtherObject(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one := b.peer()
		follows(one)
		kept(one, 0, want("k", 1.0))
		one.Expect("0 object x@0 persistent, status SharedObject.BadPersistence error")
		kept(one, 0, use)
		one.Expect("0 object x@0 persistent, use success, clear")
		kept(one, 0, want("k", "kept"))
		one.Expect("0 object x@1 persistent, success k")
		about(one, 0, want("k", "lost"))
		one.Expect("0 object x@1, success k")
		one.ExpectNothing()
	})
}

func TestObjectsWithoutAProperNameAreRefused(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one := b.peer()
		for _, name := range []string{"a b", "a;b", "a#b", strings.Repeat("n", 300)} {
			say(one, netconn.SharedObjectMessage{Name: name, Events: []netconn.SharedObjectEvent{use}})
			one.Expect("0 object " + name + "@0, status SharedObject.ObjectCreationFailed error")
		}
	})
}

func TestWhoIsTooLateGetsWhatHolds(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one, two := b.peer(), b.peer()
		follows(one, two)
		about(one, 0, want("other", 0.0))
		one.Expect("0 object x@1, success other")
		two.Expect("0 object x@1, change other 0")
		about(one, 1, want("k", "first"))
		one.Expect("0 object x@2, success k")
		two.Expect(`0 object x@2, change k "first"`)

		about(two, 1, want("k", "late"), want("own", 1.0)) // sent before it had heard of the first
		two.Expect(`0 object x@3, change k "first", success own`)
		one.Expect("0 object x@3, change own 1")
		about(two, 1, unwant("k"))
		two.Expect(`0 object x@3, change k "first"`)
		one.ExpectNothing()

		about(one, 1, want("k", "mine")) // one's own change is no conflict
		one.Expect("0 object x@4, success k")
		two.Expect(`0 object x@4, change k "mine"`)
		about(two, 0, want("k", "blind")) // who says no version is not late
		two.Expect("0 object x@5, success k")
		one.Expect(`0 object x@5, change k "blind"`)

		about(one, 5, unwant("k"))
		one.Expect("0 object x@6, remove k")
		two.Expect("0 object x@6, remove k")
		about(two, 5, want("k", "late")) // a removal counts like a change
		two.Expect("0 object x@6, remove k")
		one.ExpectNothing()

		time.Sleep(5*time.Second - time.Millisecond)
		about(two, 5, want("k", "late"))
		two.Expect("0 object x@6, remove k")
		time.Sleep(time.Millisecond)
		about(two, 5, want("k", "slow")) // a client whose version does not grow
		two.Expect("0 object x@7, success k")
		one.Expect(`0 object x@7, change k "slow"`)
	})
}

func TestSharedObjectsHaveLimits(t *testing.T) {
	limits := func(c *configs.Config) {
		c.SharedObjects.MaxProperties = 2
		c.SharedObjects.MaxPropertySize = 1024
		c.SharedObjects.MaxSize = 1500
		c.SharedObjects.MaxObjects = 3
		c.SharedObjects.MaxPerClient = 2
	}
	atTable(t, limits, func(t *testing.T, b *table) {
		one, two := b.peer(), b.peer()
		follows(one, two)
		about(one, 0, want("large", strings.Repeat("v", 1100)))
		one.Expect("0 object x@0, remove large") // what it is instead
		half := strings.Repeat("v", 900)
		about(one, 0, want("a", half), want("b", half), want("b", 1.0), want("c", 1.0))
		one.Expect("0 object x@1, success a, remove b, success b, remove c")
		two.Expect("0 object x@1, change a " + amf.Format(half) + ", change b 1")
		about(one, 1, want("b", half))
		one.Expect("0 object x@1, change b 1")
		two.ExpectNothing()

		try := func(name, answer string) {
			t.Helper()
			say(one, netconn.SharedObjectMessage{Name: name, Events: []netconn.SharedObjectEvent{use}})
			one.Expect("0 object " + name + answer)
		}
		failed := "@0, status SharedObject.ObjectCreationFailed error"
		try("y", "@0, use success, clear")
		try("z", failed)                   // too many for the client, and not left behind
		try("y", "@0, use success, clear") // again is not one more
		b.object("s", false)
		b.do(func(i *apps.Instance) {
			if len(i.SharedObjects()) != 3 {
				t.Errorf("there are %d objects", len(i.SharedObjects()))
			}
			if _, err := i.SharedObject("u", false); err != apps.ErrTooManyObjects {
				t.Errorf("one too many: %v", err)
			}
		})
		say(two, netconn.SharedObjectMessage{Name: "v", Events: []netconn.SharedObjectEvent{use}})
		two.Expect("0 object v" + failed)
		say(one, netconn.SharedObjectMessage{Name: "y", Events: []netconn.SharedObjectEvent{quit}})
		try("v", "@0, use success, clear")
	})
}

func TestClientsAreTooLateForWhatTheApplicationHasChangedToo(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one := b.peer()
		follows(one)
		about(one, 0, want("k", 1.0))
		one.Expect("0 object x@1, success k")
		o := b.object("x", false)
		b.do(func(*apps.Instance) {
			if err := o.Set("k", "script"); err != nil {
				t.Error(err)
			}
		})
		one.Expect(`0 object x@2, change k "script"`)
		about(one, 1, want("k", "late"))
		one.Expect(`0 object x@2, change k "script"`)
		b.do(func(*apps.Instance) {
			o.Lock()
			_ = o.Set("k", "locked")
			o.Unlock()
		})
		one.Expect(`0 object x@3, change k "locked"`)
		about(one, 2, want("k", "late"))
		one.Expect(`0 object x@3, change k "locked"`)
		about(one, 3, want("k", "heard"))
		one.Expect("0 object x@4, success k")
	})
}
