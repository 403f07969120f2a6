package apps_test

import (
	"testing"
	"testing/synctest"
	"time"

	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
)

func TestChangesUnderALockAreOneUpdate(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one := b.peer()
		follows(one)
		o := b.object("x", false)
		b.on(func() {
			if n := o.Lock(); n != 0 {
				t.Errorf("first lock: %d", n)
			}
			_ = o.Set("a", 1.0)
			_ = o.Set("b", 1.0)
			o.Mark("marked", 1.0)
			if n := o.Lock(); n != 1 {
				t.Errorf("second lock: %d", n)
			}
			_ = o.Set("a", 2.0)
			o.Delete("b")
			_ = o.Set("c", 3.0)
			o.Mark("marked", 2.0)
			if n := o.Unlock(); n != 1 {
				t.Errorf("first unlock: %d", n)
			}
		})
		one.ExpectNothing()
		b.on(func() {
			if n := o.Unlock(); n != 0 {
				t.Errorf("second unlock: %d", n)
			}
			if n := o.Unlock(); n != -1 {
				t.Errorf("third unlock: %d", n)
			}
		})
		one.Expect("0 object x@1, change a 2, remove b, change c 3, send marked [1], send marked [2]")
		b.on(func() {
			o.Lock()
			_ = o.Set("a", 3.0)
			o.Clear()
			_ = o.Set("d", 4.0)
			o.Unlock()
			o.Mark("at once")
		})
		one.Expect("0 object x@2, clear, change d 4", "0 object x@2, send at once []")
		b.on(func() {
			o.Lock()
			o.Unlock() // nothing has happened
		})
		one.ExpectNothing()
	})
}

func TestClientsWaitBehindALock(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one, two := b.peer(), b.peer()
		follows(one, two)
		o := b.object("x", false)
		var told []string
		b.on(func() {
			o.Listen(listener(&told))
			o.Lock()
			_ = o.Set("k", "script")
		})
		about(one, 0, want("k", "one"))
		about(two, 0, want("l", "two"), shout("hear"))
		about(two, 0, unwant("k"))
		late := b.peer()
		about(late, 0, use)
		late.Expect(`0 object x@0, use success, clear, change k "script"`)
		expectTold(t, &told)
		b.on(func() { o.Unlock() })
		one.Expect(`0 object x@1, change k "script"`, "0 object x@2, success k", `0 object x@3, change l "two", send hear []`, "0 object x@4, remove k")
		two.Expect(`0 object x@1, change k "script"`, `0 object x@2, change k "one"`, "0 object x@3, success l, send hear []", "0 object x@4, remove k")
		expectTold(t, &told, `change k was "script"`, "change l was null", "hear[] of a client", `delete k was "one"`)
		about(one, 4, want("k", 1.0)) // goes on
		one.Expect("0 object x@5, success k")
	})
}

func TestWhatAClientSendsBehindALockKeepsItsOrder(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one, two := b.peer(), b.peer()
		follows(one, two)
		o := b.object("x", false)
		b.on(func() { o.Lock() })
		about(one, 0, want("k", 1.0), quit, use, want("l", 2.0))
		about(one, 0, quit)
		about(one, 0, want("m", 3.0))
		two.ExpectNothing()
		b.on(func() { o.Unlock() })
		one.Expect("0 object x@1, success k", "0 object x@1, use success, clear, change k 1", "0 object x@2, success l",
			"0 object x@0, status SharedObject.NoWriteAccess error")
		two.Expect("0 object x@1, change k 1", "0 object x@2, change l 2")
		one.ExpectNothing()
		two.ExpectNothing()
	})
}

func TestWhatSomebodyWhoHasGoneWantedIsForgotten(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one, two := b.peer(), b.peer()
		follows(one, two)
		o := b.object("x", false)
		b.on(func() { o.Lock() })
		about(one, 0, want("k", 1.0))
		about(two, 0, want("l", 2.0))
		one.Cut()
		synctest.Wait()
		b.on(func() { o.Unlock() })
		two.Expect("0 object x@1, success l")
		two.ExpectNothing()
		if o.Followers() != 1 || o.Len() != 1 {
			t.Errorf("%d followers, %d properties", o.Followers(), o.Len())
		}
	})
}

func TestALockIsBrokenWhenClientsWaitTooLong(t *testing.T) {
	atTable(t, func(c *configs.Config) { c.SharedObjects.LockTimeout = 3 * time.Second }, func(t *testing.T, b *table) {
		one, two := b.peer(), b.peer()
		follows(one, two)
		o := b.object("x", false)
		b.on(func() {
			o.Lock()
			o.Lock()
			_ = o.Set("k", "script")
		})
		time.Sleep(10 * time.Second) // for which nobody waits
		about(one, 0, want("l", 1.0))
		time.Sleep(3*time.Second - time.Millisecond)
		two.ExpectNothing()
		time.Sleep(time.Millisecond)
		one.Expect(`0 object x@1, change k "script"`, "0 object x@2, success l")
		two.Expect(`0 object x@1, change k "script"`, "0 object x@2, change l 1")
		b.on(func() {
			if n := o.Unlock(); n != -1 {
				t.Errorf("the broken lock: %d", n)
			}
		})
		if n := b.house.log.count("lock of a shared object broken", "object=x"); n != 1 {
			t.Errorf("said %d times", n)
		}

		b.on(func() { o.Lock() })
		about(one, 2, want("l", 2.0))
		time.Sleep(time.Second)
		b.on(func() { o.Unlock() }) // in time
		one.Expect("0 object x@3, success l")
		two.Expect("0 object x@3, change l 2")
		b.on(func() { o.Lock() })
		about(one, 3, want("l", 3.0))
		time.Sleep(3*time.Second - time.Millisecond) // from now on, not from then
		two.ExpectNothing()
		time.Sleep(time.Millisecond)
		one.Expect("0 object x@4, success l")
		b.on(func() { o.Lock() })
		time.Sleep(10 * time.Second)
		if n := b.house.log.count("lock of a shared object broken"); n != 2 {
			t.Errorf("a lock for which nobody waits is broken")
		}
	})
}

func TestALockTakenByAListenerHoldsWhoIsNext(t *testing.T) {
	atTable(t, func(c *configs.Config) { c.SharedObjects.LockTimeout = 3 * time.Second }, func(t *testing.T, b *table) {
		one, two := b.peer(), b.peer()
		follows(one, two)
		o := b.object("x", false)
		b.on(func() {
			o.Listen(apps.SharedObjectListener{Sync: func([]netconn.SyncChange) { o.Lock() }})
			o.Lock()
		})
		about(one, 0, want("a", 1.0))
		about(one, 0, want("b", 2.0))
		about(one, 0, want("c", 3.0))
		b.on(func() { o.Unlock() })
		one.Expect("0 object x@1, success a")
		two.Expect("0 object x@1, change a 1")
		two.ExpectNothing()
		b.on(func() { o.Unlock() })
		one.Expect("0 object x@2, success b")
		two.Expect("0 object x@2, change b 2")
		two.ExpectNothing()
		time.Sleep(3 * time.Second) // of this one, too
		one.Expect("0 object x@3, success c")
		two.Expect("0 object x@3, change c 3")
	})
}

func TestAnInstanceEndsWithALockedObject(t *testing.T) {
	atTable(t, nil, func(t *testing.T, b *table) {
		one := b.peer()
		kept(one, 0, use)
		one.Expect("0 object x@0 persistent, use success, clear")
		o := b.object("x", true)
		b.on(func() {
			o.Lock()
			_ = o.Set("k", "script")
		})
		kept(one, 0, want("l", 1.0))
		b.restart(one)
		one = b.peer()
		kept(one, 0, use)
		one.Expect(`0 object x@1 persistent, use success, clear, change k "script"`)
	})
}
