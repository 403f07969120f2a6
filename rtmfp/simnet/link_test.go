package simnet

import (
	"bytes"
	"math/bits"
	"testing"
	"time"

	"afterglow/rtmfp"
)

const many = 100_000

func TestPerfectLinksDeliverEverythingAtOnceAndInOrder(t *testing.T) {
	n, a, b := pair(Conditions{})
	n.RunFor(time.Second)
	a.burst(bob, 1000, 100)
	if len(b.got) != 0 {
		t.Fatal("a node was called while another one sent")
	}
	n.RunFor(0)
	if len(b.got) != 1000 {
		t.Fatalf("%d arrived", len(b.got))
	}
	for i, got := range b.got {
		if got.number() != i || got.at != at(time.Second) || len(got.data) != 100 || got.from.Addr != alice {
			t.Fatalf("datagram %d: number %d at %d from %v", i, got.number(), got.at, got.from)
		}
	}
	balanced(t, a.host.Up())
}

func TestDelaysOfBothLinksAddUp(t *testing.T) {
	n, a, b := pair(Conditions{Delay: 20 * time.Millisecond})
	b.host.Down().Set(Conditions{Delay: 7 * time.Millisecond})
	a.burst(bob, 3, 4)
	n.RunFor(27*time.Millisecond - 1)
	if len(b.got) != 0 {
		t.Fatal("too early")
	}
	n.RunFor(1)
	if len(b.got) != 3 {
		t.Fatalf("%d arrived", len(b.got))
	}
}

func TestJitterIsEvenAndKeepsTheOrder(t *testing.T) {
	n, a, b := pair(Conditions{Delay: time.Millisecond, Jitter: 10 * time.Millisecond})
	for range many / 10 {
		a.burst(bob, 1, 4)
		n.RunFor(20 * time.Millisecond) // apart, so that the order does not hold it back
	}
	total := 0.0
	for i, got := range b.got {
		took := time.Duration(got.at) - time.Duration(i)*20*time.Millisecond
		if took < time.Millisecond || took > 11*time.Millisecond {
			t.Fatalf("datagram %d took %v", i, took)
		}
		total += took.Seconds()
	}
	within(t, "mean delay", total/float64(len(b.got)), 0.006, 0.0002)

	b.got = nil
	a.burst(bob, 1000, 4)
	n.RunFor(time.Second)
	for i, got := range b.got {
		if got.number() != i {
			t.Fatalf("datagram %d came as number %d", got.number(), i)
		}
	}
}

func TestJitterReordersIfItMay(t *testing.T) {
	_, a, b := pair(Conditions{Jitter: 10 * time.Millisecond, JitterReorders: true})
	a.flood(many)
	within(t, "share of neighbours out of order", inversions(b), 0.5, 0.02)
}

// inversions is the share of datagrams that came after one with a greater number, of all.
func inversions(p *probe) float64 {
	count := 0
	for i := 1; i < len(p.got); i++ {
		if p.got[i].number() < p.got[i-1].number() {
			count++
		}
	}
	return float64(count) / float64(len(p.got))
}

func TestLossIsIndependent(t *testing.T) {
	_, a, b := pair(Conditions{Loss: 0.3})
	a.flood(many)
	within(t, "share that arrives", float64(len(b.got))/many, 0.7, 0.01)
	lost, runs := lossRuns(b, many)
	within(t, "mean run of losses", float64(lost)/float64(runs), 1/0.7, 0.03)
	if got := int(a.host.Up().Counters().Lost); got != lost {
		t.Errorf("%d counted as lost, %d are", got, lost)
	}
	balanced(t, a.host.Up())
}

// lossRuns counts what did not come of the first sent numbers, and the runs without a gap that it makes.
func lossRuns(p *probe, sent int) (lost, runs int) {
	next := 0
	for _, got := range p.got {
		if missing := got.number() - next; missing > 0 {
			lost, runs = lost+missing, runs+1
		}
		next = got.number() + 1
	}
	if next < sent {
		lost, runs = lost+sent-next, runs+1
	}
	return lost, runs
}

func TestBurstsHaveTheirShareAndTheirLength(t *testing.T) {
	_, a, b := pair(Conditions{Burst: Burst{ToBad: 0.01, ToGood: 0.1}})
	a.flood(5 * many)
	lost, runs := lossRuns(b, 5*many)
	within(t, "share that is lost", float64(lost)/(5*many), 0.01/0.11, 0.005)
	within(t, "mean run of losses", float64(lost)/float64(runs), 10, 0.5)
	balanced(t, a.host.Up())
}

func TestBurstLossIsPartialIfItSaysSo(t *testing.T) {
	_, a, b := pair(Conditions{Loss: 0.1, Burst: Burst{ToBad: 0.05, ToGood: 0.05, Loss: 0.5}})
	a.flood(5 * many)
	within(t, "share that arrives", float64(len(b.got))/(5*many), 0.7, 0.01)
}

func TestDuplicatesHaveBytesOfTheirOwn(t *testing.T) {
	_, a, b := pair(Conditions{Duplicate: 0.2})
	a.flood(many)
	within(t, "share that arrives", float64(len(b.got))/many, 1.2, 0.01)
	twins := 0
	for i, got := range b.got {
		if got.number() >= many { // the probe spoils what it gets
			t.Fatalf("arrival %d is % x", i, got.data)
		}
		if i > 0 && got.number() == b.got[i-1].number() {
			twins++
		}
	}
	if got := int(a.host.Up().Counters().Duplicated); got != twins || twins != len(b.got)-many {
		t.Errorf("%d counted, %d twins, %d arrivals", got, twins, len(b.got))
	}
	balanced(t, a.host.Up())
}

func TestReorderHoldsBack(t *testing.T) {
	n, a, b := pair(Conditions{Delay: time.Millisecond, Reorder: 0.1, Hold: 5 * time.Millisecond})
	for range many / 10 {
		a.burst(bob, 10, 4)
		n.RunFor(10 * time.Millisecond)
	}
	held := 0
	for i, got := range b.got {
		switch took := got.at - at(time.Duration(i/10)*10*time.Millisecond); took {
		case at(time.Millisecond):
		case at(6 * time.Millisecond):
			held++
		default:
			t.Fatalf("datagram %d took %v", i, time.Duration(took))
		}
	}
	within(t, "share held back", float64(held)/many, 0.1, 0.005)
	if got := a.host.Up().Counters().HeldBack; int(got) != held {
		t.Errorf("%d counted, %d held back", got, held)
	}
	if inversions(b) == 0 {
		t.Error("all in order")
	}
}

func TestReorderHoldsBackForTheDefault(t *testing.T) {
	n, a, b := pair(Conditions{Reorder: 1})
	a.burst(bob, 1, 4)
	n.RunFor(time.Second)
	if len(b.got) != 1 || b.got[0].at != at(DefaultHold) {
		t.Fatalf("%+v", b.got)
	}
}

func TestCorruptionChangesOneBit(t *testing.T) {
	n, a, b := pair(Conditions{Corrupt: 0.25})
	sent := bytes.Repeat([]byte{0x5a}, 64)
	for range many / 10 {
		a.send(bob, sent)
		n.RunFor(0)
	}
	changed := 0
	where := make(map[int]bool)
	for _, got := range b.got {
		flips := 0
		for i := range sent {
			if flip := got.data[i] ^ sent[i]; flip != 0 {
				flips += bits.OnesCount8(flip)
				where[8*i+bits.Len8(flip)-1] = true
			}
		}
		if flips > 1 {
			t.Fatalf("%d bits changed", flips)
		}
		changed += flips
	}
	within(t, "share corrupted", float64(changed)/(many/10), 0.25, 0.02)
	if len(where) < 500 {
		t.Errorf("only %d of 512 bits were ever changed", len(where))
	}
	if got := a.host.Up().Counters().Corrupted; int(got) != changed {
		t.Errorf("%d counted, %d changed", got, changed)
	}
}

func TestCorruptionLeavesEmptyDatagramsAlone(t *testing.T) {
	n, a, b := pair(Conditions{Corrupt: 1})
	a.send(bob, nil)
	n.RunFor(0)
	if len(b.got) != 1 || len(b.got[0].data) != 0 {
		t.Fatalf("%+v", b.got)
	}
}

func TestRateIsExact(t *testing.T) {
	const rate, count, size = 7_000_003, 5000, 1000
	n, a, b := pair(Conditions{Rate: rate, Queue: 1 << 40})
	n.RunFor(time.Second)
	a.burst(bob, count, size)
	n.RunFor(time.Minute)
	for i, got := range b.got {
		bits := int64(i+1) * (size + 28) * 8
		want := at(time.Second) + rtmfp.Instant(bits*1e9/rate)
		if got.at != want {
			t.Fatalf("datagram %d came at %d, want %d", i, got.at, want)
		}
	}
	if len(b.got) != count {
		t.Fatalf("%d arrived", len(b.got))
	}
}

func TestIdleTimeIsNotSavedUp(t *testing.T) {
	n, a, b := pair(Conditions{Rate: 8_000_000})
	a.burst(bob, 1, 972)
	n.RunFor(time.Second)
	a.burst(bob, 2, 972)
	n.RunFor(time.Second)
	for i, want := range []time.Duration{time.Millisecond, 1001 * time.Millisecond, 1002 * time.Millisecond} {
		if b.got[i].at != at(want) {
			t.Errorf("datagram %d came at %v, want %v", i, time.Duration(b.got[i].at), want)
		}
	}
}

func TestQueueDropsWhatDoesNotFit(t *testing.T) {
	n, a, b := pair(Conditions{Rate: 8_000_000, Queue: 10_000}) // a datagram of 1000 bytes each millisecond
	up := a.host.Up()
	a.burst(bob, 15, 972)
	if up.Queued() != 10_000 || up.Counters().QueueFull != 5 {
		t.Fatalf("%d bytes queued, %d dropped", up.Queued(), up.Counters().QueueFull)
	}
	n.RunFor(3500 * time.Microsecond)
	if len(b.got) != 3 || up.Queued() != 7_000 {
		t.Fatalf("%d arrived, %d bytes queued", len(b.got), up.Queued())
	}
	if n.RunFor(500 * time.Microsecond); up.Queued() != 6_000 {
		t.Fatalf("%d bytes queued at the instant when the fourth is sent", up.Queued())
	}
	a.burst(bob, 5, 972)
	n.RunFor(time.Second)
	if len(b.got) != 14 || up.Queued() != 0 || up.Counters().QueueFull != 6 {
		t.Fatalf("%d arrived, %d bytes queued, %d dropped", len(b.got), up.Queued(), up.Counters().QueueFull)
	}
	balanced(t, up)
}

func TestIdleLinkTakesWhatIsLargerThanItsQueue(t *testing.T) {
	n, a, b := pair(Conditions{Rate: 8_000_000, Queue: 100})
	a.burst(bob, 2, 972)
	n.RunFor(time.Second)
	if len(b.got) != 1 {
		t.Fatalf("%d arrived", len(b.got))
	}
}

func TestQueueHasADefault(t *testing.T) {
	_, a, _ := pair(Conditions{Rate: 1000})
	a.burst(bob, 100, 1024-28)
	if got := a.host.Up().Queued(); got != DefaultQueue {
		t.Fatalf("%d bytes queued", got)
	}
}

func TestMTUCountsHeaders(t *testing.T) {
	n := New(1)
	a, b := attach(n.NewHost(alice, alice6)), attach(n.NewHost(bob, bob6))
	a.host.Up().Set(Conditions{MTU: 1280})
	for size := 1230; size <= 1260; size++ {
		a.sendBy(0, bob, make([]byte, size))
		a.sendBy(1, bob6, make([]byte, size))
	}
	n.RunFor(0)
	largest := [2]int{}
	for _, got := range b.got {
		index := got.from.Interface
		largest[index] = max(largest[index], len(got.data))
	}
	if largest != [2]int{1252, 1232} {
		t.Errorf("the largest over IPv4 and IPv6 are %v", largest)
	}
	if got := a.host.Up().Counters().TooBig; got != 8+28 {
		t.Errorf("%d too big", got)
	}
	balanced(t, a.host.Up())
}

func TestBlackoutLetsNothingInNorOut(t *testing.T) {
	n, a, b := pair(Conditions{Delay: 10 * time.Millisecond})
	for i := range 100 { // one each millisecond
		n.At(at(time.Duration(i)*time.Millisecond), func() { a.burst(bob, 1, 4) })
	}
	n.At(at(50*time.Millisecond)-1, func() { a.host.Blackout(20 * time.Millisecond) })
	n.RunFor(time.Second)
	// Those sent from 40 to 49 are under way when it begins; it ends just before 70.
	if len(b.got) != 70 {
		t.Fatalf("%d arrived", len(b.got))
	}
	if first, last := b.got[39].at, b.got[40].at; first != at(49*time.Millisecond) || last != at(80*time.Millisecond) {
		t.Errorf("nothing came from %v to %v", time.Duration(first), time.Duration(last))
	}
	if got := a.host.Up().Counters().Blackout; got != 30 {
		t.Errorf("%d counted", got)
	}
	balanced(t, a.host.Up())
}

func TestBlackoutCanBeEnded(t *testing.T) {
	n, a, b := pair(Conditions{})
	a.host.Blackout(time.Hour)
	a.burst(bob, 1, 4)
	n.RunFor(time.Minute)
	a.host.Blackout(0)
	a.burst(bob, 1, 4)
	n.RunFor(time.Minute)
	if len(b.got) != 1 {
		t.Fatalf("%d arrived", len(b.got))
	}
}

func TestConditionsChangeWhileItRuns(t *testing.T) {
	n, a, b := pair(Conditions{Delay: time.Second})
	a.burst(bob, 1, 4)
	a.host.Up().Set(Conditions{Delay: 3 * time.Second})
	a.burst(bob, 1, 4)
	n.RunFor(1500 * time.Millisecond)
	if len(b.got) != 1 {
		t.Fatalf("%d arrived", len(b.got))
	}
	a.host.Up().Set(Conditions{})
	a.burst(bob, 1, 8)
	n.RunFor(1500 * time.Millisecond)
	if len(b.got) != 3 || len(b.got[2].data) != 8 || b.got[2].at != at(3*time.Second) {
		t.Fatalf("a quicker link must not reorder: %+v", b.got)
	}
}

func TestLinkThatBecomesPerfectAtTheInstantOfAnArrivalKeepsTheOrder(t *testing.T) {
	n, a, b := pair(Conditions{Delay: time.Second})
	n.After(time.Second, func() { // set before the first is sent, so that it comes before its arrival
		a.host.Up().Set(Conditions{})
		a.send(bob, []byte("second"))
	})
	a.send(bob, []byte("first"))
	n.RunFor(time.Minute)
	if len(b.got) != 2 || string(b.got[0].data) != "first" {
		t.Fatalf("%+v", b.got)
	}
}

func TestLinksAreIndependentOfEachOther(t *testing.T) {
	fates := func(other Conditions) (all []Fate) {
		n, a, b := pair(Conditions{Loss: 0.5})
		b.host.Up().Set(other)
		n.Tap(func(e Event) {
			if e.To == bob {
				all = append(all, e.Fate)
			}
		})
		for range 200 {
			b.burst(alice, 1, 4)
			a.burst(bob, 1, 4)
			n.RunFor(time.Second)
		}
		return all
	}
	one, other := fates(Conditions{}), fates(Conditions{Loss: 0.1, Jitter: time.Second})
	for i := range one {
		if one[i] != other[i] {
			t.Fatalf("datagram %d has another fate since the other link is worse", i)
		}
	}
}
