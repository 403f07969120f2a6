package simnet

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"afterglow/rtmfp"
)

func TestEventsComeInOrderOfTimeAndThenAsTheyWereSet(t *testing.T) {
	n := New(1)
	type call struct {
		at    rtmfp.Instant
		order int
	}
	var calls []call
	for i := range 10_000 {
		when := rtmfp.Instant(n.Rand().IntN(300))
		n.At(when, func() {
			if n.Now() != when {
				t.Fatalf("called at %d, set for %d", n.Now(), when)
			}
			calls = append(calls, call{when, i})
		})
	}
	n.Run(299)
	sorted := slices.IsSortedFunc(calls, func(a, b call) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return a.order - b.order
	})
	if !sorted || len(calls) != 10_000 || n.Now() != 299 {
		t.Fatalf("%d calls, sorted %v, now %d", len(calls), sorted, n.Now())
	}
}

func TestTimersAndEventsOfOneInstantComeAsTheyWereSet(t *testing.T) {
	n := New(1)
	var order []string
	timer := func(h *Host, name string) {
		p := attach(h)
		h.Do(func() { p.timer = at(time.Second) })
		p.onPoll = func(rtmfp.Instant) { order = append(order, name) }
	}
	n.After(time.Second, func() { order = append(order, "a") })
	timer(n.NewHost(alice), "b")
	n.After(time.Second, func() { order = append(order, "c") })
	timer(n.NewHost(bob), "d")
	n.RunFor(time.Second)
	if got := strings.Join(order, ""); got != "abcd" {
		t.Fatal(got)
	}
}

func TestWhatIsSetForThePastWaitsItsTurn(t *testing.T) {
	n := New(1)
	p := attach(n.NewHost(alice))
	n.RunFor(time.Second)
	var order []string
	note := func(what string) func() { return func() { order = append(order, what) } }
	n.After(0, note("a"))
	n.At(5, note("b"))
	p.onPoll = func(now rtmfp.Instant) {
		note("poll")()
		switch len(p.polled) {
		case 1: // by Touch
			p.timer = 5
		case 2:
			n.After(0, note("c"))
			p.timer = now // once more
		}
	}
	p.host.Touch()
	n.RunFor(time.Second)
	if got := strings.Join(order, " "); got != "poll a b poll c poll" {
		t.Fatal(got)
	}
}

func TestTimersFireInOrderAtTheirTimes(t *testing.T) {
	n := New(3)
	var fired []rtmfp.Instant
	for i := range 100 {
		p := attach(n.NewHost(netipPort(i)))
		p.host.Do(func() { p.timer = rtmfp.Instant(n.Rand().IntN(1000)) })
		p.onPoll = func(now rtmfp.Instant) {
			if len(p.polled) < 50 {
				p.timer = now.Add(time.Duration(1 + n.Rand().IntN(1000)))
			}
			fired = append(fired, now)
		}
	}
	n.Run(rtmfp.Never)
	if len(fired) != 100*49 && len(fired) != 100*50 || !slices.IsSorted(fired) {
		t.Fatalf("%d fired, sorted %v", len(fired), slices.IsSorted(fired))
	}
	if n.Now() != fired[len(fired)-1] {
		t.Errorf("now %d", n.Now())
	}
}

func TestTimerMovesBothWays(t *testing.T) {
	n := New(1)
	p := attach(n.NewHost(alice))
	for _, when := range []time.Duration{10, 5, 20, 15} {
		p.host.Do(func() { p.timer = at(when * time.Second) })
	}
	p.polled = nil
	n.RunFor(time.Minute)
	if len(p.polled) != 1 || p.polled[0] != at(15*time.Second) {
		t.Fatal(p.polled)
	}
}

func TestRunStopsAtItsTime(t *testing.T) {
	n := New(1)
	calls := 0
	n.After(time.Second, func() { calls++ })
	n.After(time.Second+1, func() { calls++ })
	n.RunFor(time.Second)
	if calls != 1 || n.Now() != at(time.Second) {
		t.Fatalf("%d calls at %d", calls, n.Now())
	}
	n.Run(5) // the past
	if calls != 1 || n.Now() != at(time.Second) {
		t.Fatalf("%d calls at %d", calls, n.Now())
	}
	n.At(5, func() { calls++ })
	n.At(rtmfp.Never, func() { t.Error("never") })
	n.After(-time.Second, func() { calls++ })
	n.RunFor(0)
	if calls != 3 {
		t.Fatalf("%d calls", calls)
	}
	n.Run(rtmfp.Never)
	if calls != 4 || n.Now() != at(time.Second)+1 {
		t.Fatalf("%d calls at %d", calls, n.Now())
	}
}

func TestRunUntilStopsWhenItsConditionHolds(t *testing.T) {
	n := New(1)
	count := 0
	for i := range 10 {
		n.After(time.Duration(i+1)*time.Second, func() { count++ })
	}
	if !n.RunUntil(func() bool { return count == 4 }, time.Hour) || n.Now() != at(4*time.Second) {
		t.Fatalf("%d at %v", count, time.Duration(n.Now()))
	}
	if n.RunUntil(func() bool { return count == 100 }, 3*time.Second) || n.Now() != at(7*time.Second) || count != 7 {
		t.Fatalf("%d at %v", count, time.Duration(n.Now()))
	}
	if !n.RunUntil(func() bool { return true }, time.Hour) || n.Now() != at(7*time.Second) {
		t.Fatalf("ran though there was nothing to wait for")
	}
}

func TestTimerThatIsAlwaysDueStopsTheNetwork(t *testing.T) {
	n := New(1)
	p := attach(n.NewHost(alice))
	n.RunFor(time.Second)
	p.onPoll = func(rtmfp.Instant) { p.timer = 5 }
	p.host.Touch()
	n.RunFor(time.Second)
	if err := n.Err(); !errors.Is(err, ErrStuck) || !strings.Contains(err.Error(), alice.String()) {
		t.Fatal(err)
	}
	if n.Now() != at(time.Second) {
		t.Errorf("time went on to %v", time.Duration(n.Now()))
	}
	if n.RunUntil(func() bool { return false }, time.Second) || n.Now() != at(time.Second) {
		t.Error("a stopped network runs")
	}
}

func TestEndlessExchangeInNoTimeStopsTheNetwork(t *testing.T) {
	n, a, b := pair(Conditions{})
	n.instantLimit = 1000
	a.echo, b.echo = true, true
	a.burst(bob, 1, 4)
	n.RunFor(time.Second)
	if !errors.Is(n.Err(), ErrStuck) || len(b.got) > 1000 {
		t.Fatalf("%v after %d", n.Err(), len(b.got))
	}
}

func TestManyEventsAtDifferentInstantsAreNotStuck(t *testing.T) {
	n, a, b := pair(Conditions{Delay: 1})
	n.instantLimit = 10
	a.echo, b.echo = true, true
	a.burst(bob, 1, 4)
	for range 100 {
		n.RunFor(10)
		n.After(0, func() {})
	}
	if n.Err() != nil || len(b.got) < 400 {
		t.Fatalf("%v after %d", n.Err(), len(b.got))
	}
}

// eventful runs a bad network for a while and gives what a tap saw.
func eventful(seed uint64) []string {
	n := New(seed)
	var seen []string
	n.Tap(func(e Event) { seen = append(seen, e.String()) })
	nat := n.NewNAT(netipAddr("198.51.100.1"), NATSettings{Kind: Symmetric, Timeout: 20 * time.Millisecond})
	a, b := attach(nat.NewHost(netipPort(1))), attach(n.NewHost(bob))
	a.echo, b.echo = true, true
	bad := Conditions{Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, JitterReorders: true, Loss: 0.1, Corrupt: 0.1,
		Duplicate: 0.15, Reorder: 0.1, Burst: Burst{ToBad: 0.05, ToGood: 0.3}, Rate: 1_000_000, Queue: 5000, MTU: 600}
	nat.SetLinks(bad)
	b.host.SetLinks(bad)
	for range 200 {
		a.host.Do(func() { a.burst(bob, 2, 100+n.Rand().IntN(600)) })
		n.RunFor(5 * time.Millisecond)
	}
	n.RunFor(time.Second)
	return seen
}

func TestTheSameSeedGivesTheSameEvents(t *testing.T) {
	one, again, other := eventful(1), eventful(1), eventful(2)
	if len(one) < 400 {
		t.Fatalf("only %d events", len(one))
	}
	if !slices.Equal(one, again) {
		t.Error("two runs with one seed differ")
	}
	if slices.Equal(one, other) {
		t.Error("another seed changes nothing")
	}
}

func TestRandomStreamsDependOnTheSeedAndDifferFromEachOther(t *testing.T) {
	read := func(n *Network) []byte {
		b := make([]byte, 32)
		if _, err := io.ReadFull(n.Random(), b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	n, same, other := New(5), New(5), New(6)
	if n.Rand().Uint64() != same.Rand().Uint64() || n.Rand().Uint64() == other.Rand().Uint64() {
		t.Error("numbers do not depend on the seed alone")
	}
	first := read(n)
	if !bytes.Equal(first, read(same)) || bytes.Equal(first, read(other)) {
		t.Error("bytes do not depend on the seed alone")
	}
	if bytes.Equal(first, read(n)) {
		t.Error("two streams are the same")
	}
}
