package rtmfp

import (
	"slices"
	"strings"
	"testing"
	"unsafe"

	"afterglow/rtmfp/wire"
)

// newQueue makes a queue of messages whose fragments all have entries.
func newQueue(messages ...string) *sendQueue {
	q := newWaitingQueue(messages...)
	q.enterAll()
	return q
}

// newWaitingQueue makes one of messages of which nothing has come to its turn.
func newWaitingQueue(messages ...string) *sendQueue {
	q := new(sendQueue)
	q.init(new(int))
	for _, m := range messages {
		q.add(&Outgoing{Body: []byte(m)}, 10, 0)
	}
	return q
}

func (q *sendQueue) enterAll() {
	for q.entered() < q.next {
		q.enter()
	}
}

// fly has fragments in flight, and land takes them out of flight.
func (q *sendQueue) fly(numbers ...uint64) {
	for _, n := range numbers {
		f := q.fragment(n)
		f.flags |= inFlight | everSent
		f.flags &^= sentAbandoned
		if f.is(abandoned) {
			f.flags |= sentAbandoned
		}
		q.waiting--
	}
}

func (q *sendQueue) land(numbers ...uint64) {
	for _, n := range numbers {
		q.fragment(n).flags &^= inFlight
		q.waiting++
	}
}

// arrive counts fragments as received.
func (q *sendQueue) arrive(numbers ...uint64) {
	for _, n := range numbers {
		if q.fragment(n).is(inFlight) {
			q.land(n)
		}
		q.count(q.fragment(n))
	}
}

func TestMessageIsDividedIntoFragments(t *testing.T) {
	for _, c := range []struct {
		head, body int
		want       []wire.FragmentControl
	}{
		{0, 0, []wire.FragmentControl{wire.Whole}},
		{3, 0, []wire.FragmentControl{wire.Whole}},
		{3, 7, []wire.FragmentControl{wire.Whole}},
		{0, 11, []wire.FragmentControl{wire.Begin, wire.End}},
		{10, 10, []wire.FragmentControl{wire.Begin, wire.End}},
		{16, 15, []wire.FragmentControl{wire.Begin, wire.Middle, wire.Middle, wire.End}},
		{5, 25, []wire.FragmentControl{wire.Begin, wire.Middle, wire.End}},
	} {
		q := newQueue()
		head, body := strings.Repeat("h", c.head), strings.Repeat("b", c.body)
		id := q.add(&Outgoing{Head: []byte(head), Body: []byte(body)}, 10, 0)
		var controls []wire.FragmentControl
		var whole []byte
		m := q.message(id)
		for n := m.first; n < m.end(); n++ {
			controls = append(controls, m.control(n))
			offset, length := m.part(n)
			whole = m.append(whole, offset, length)
		}
		if !slices.Equal(controls, c.want) || string(whole) != head+body || q.bytes != c.head+c.body || q.waiting != len(c.want) {
			t.Errorf("%d and %d bytes: %v, %q", c.head, c.body, controls, whole)
		}
	}
}

func TestTrimTakesWhatIsReceivedAtTheFront(t *testing.T) {
	q := newQueue("1", "a message of three fragments", "5")
	q.fly(1, 2, 3, 4, 5)
	q.arrive(1, 3)
	q.trim()
	if q.base != 2 || q.firstMessage != 2 || q.forward() != 1 {
		t.Errorf("begins at %d, message %d, forward %d", q.base, q.firstMessage, q.forward())
	}
	q.arrive(2, 4)
	q.trim()
	if q.base != 5 || q.firstMessage != 3 || q.message(2) != nil || q.waiting != 0 {
		t.Errorf("begins at %d, message %d", q.base, q.firstMessage)
	}
	q.arrive(5)
	q.trim()
	if q.base != 6 || q.next != 6 || q.fragments.len() != 0 || q.messages.len() != 0 {
		t.Errorf("begins at %d", q.base)
	}
}

// TestTrimLeavesSomethingToTellOfTheGap follows RFC 7016 3.6.2.3 and 3.6.2.7.1: what is abandoned goes when something that is sent later
// tells the receiver so, else it is sent itself.
func TestTrimLeavesSomethingToTellOfTheGap(t *testing.T) {
	q := newQueue("1", "2", "3", "4")
	q.abandon(q.message(1))
	q.abandon(q.message(2))
	q.trim()
	if q.base != 3 || q.forward() != 2 {
		t.Errorf("with others to be sent: begins at %d, forward %d", q.base, q.forward())
	}

	q = newQueue("1", "2", "3", "4")
	q.fly(1, 2, 3, 4)
	q.land(1, 2)
	q.abandon(q.message(1))
	q.abandon(q.message(2))
	q.trim()
	if q.base != 2 || q.forward() != 2 {
		t.Errorf("with others in flight: begins at %d, forward %d", q.base, q.forward())
	}
	q.arrive(3, 4)
	q.trim()
	if q.base != 2 || q.forward() != 2 {
		t.Errorf("with all others received: begins at %d, forward %d", q.base, q.forward())
	}
	q.fly(2)
	if q.trim(); q.base != 2 || q.forward() != 2 {
		t.Errorf("sent itself: begins at %d, forward %d", q.base, q.forward())
	}
	q.arrive(2)
	if q.trim(); q.fragments.len() != 0 || q.base != 5 {
		t.Errorf("in the end: begins at %d", q.base)
	}
}

// TestForwardNumberSparesWhatIsInFlight: what was sent with data and is in flight may still arrive.
func TestForwardNumberSparesWhatIsInFlight(t *testing.T) {
	q := newQueue("1", "2")
	q.fly(1)
	q.abandon(q.message(1))
	if q.trim(); q.base != 1 || q.forward() != 0 {
		t.Errorf("begins at %d, forward %d", q.base, q.forward())
	}
	q.land(1)
	if q.trim(); q.base != 2 || q.forward() != 1 {
		t.Errorf("lost: begins at %d, forward %d", q.base, q.forward())
	}
}

func TestAbandonedMessageFreesItsBytesOnce(t *testing.T) {
	q := newQueue("1", "a message of three fragments")
	q.fly(1, 2)
	q.abandon(q.message(2))
	if !q.settle(q.message(2)) || q.settle(q.message(2)) || q.bytes != 1 || q.message(2).body != nil {
		t.Errorf("%d bytes", q.bytes)
	}
	if q.fragment(1).is(abandoned) || !q.fragment(2).is(abandoned) || !q.fragment(4).is(abandoned) {
		t.Error("other fragments than the message's are abandoned")
	}
}

func TestEntryIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(sendFragment{}); size > 16 {
		t.Errorf("%d bytes for each fragment of each viewer", size)
	}
}

func TestFragmentsHaveEntriesFromTheirTurnOn(t *testing.T) {
	q := newWaitingQueue("1", "a message of three fragments", "5")
	if q.fragments.len() != 0 || q.next != 6 || q.waiting != 5 {
		t.Errorf("%d entries for what waits, %d fragments wait", q.fragments.len(), q.waiting)
	}
	if q.trim(); q.fragments.len() != 1 || q.base != 1 {
		t.Errorf("%d entries for the first in the queue", q.fragments.len())
	}
	q.enterAll()
	var ids []MessageID
	for n := q.base; n < q.next; n++ {
		ids = append(ids, q.idOf(q.fragment(n)))
	}
	if want := []MessageID{1, 2, 2, 2, 3}; !slices.Equal(ids, want) {
		t.Errorf("fragments of messages %v, want %v", ids, want)
	}
}

// TestWhatIsAbandonedUnsentGoesAtOnce has late messages leave the queue without an entry for any of their fragments.
func TestWhatIsAbandonedUnsentGoesAtOnce(t *testing.T) {
	q := newWaitingQueue("a message of three fragments", "another of three fragments", "7", "8")
	q.abandon(q.message(1))
	q.abandon(q.message(2))
	if !q.waits(q.message(1)) || q.fragments.len() != 0 {
		t.Error("what waits has entries")
	}
	q.trim()
	if q.base != 7 || q.firstMessage != 3 || q.forward() != 6 || q.waiting != 2 || q.fragments.len() != 1 {
		t.Errorf("begins at %d, message %d, forward %d, %d wait", q.base, q.firstMessage, q.forward(), q.waiting)
	}
	if q.idOf(q.fragment(7)) != 3 {
		t.Errorf("fragment 7 is of message %d", q.idOf(q.fragment(7)))
	}
	q.abandon(q.message(3))
	q.abandon(q.message(4))
	q.trim()
	if q.base != 8 || q.forward() != 8 || q.waiting != 1 {
		t.Errorf("the last one, which has to tell of the gap: begins at %d, forward %d", q.base, q.forward())
	}
}

// TestPartOfAMessageMayBeAbandonedBeforeItsTurn abandons a message of which the first fragment is under way.
func TestPartOfAMessageMayBeAbandonedBeforeItsTurn(t *testing.T) {
	q := newWaitingQueue("a message of three fragments", "4")
	q.enter()
	q.fly(1)
	q.abandon(q.message(1))
	q.enterAll()
	for n := uint64(1); n <= 4; n++ {
		if q.fragment(n).is(abandoned) != (n < 4) {
			t.Errorf("fragment %d", n)
		}
	}
	q.arrive(1)
	if q.trim(); q.base != 4 || q.firstMessage != 2 || q.forward() != 3 {
		t.Errorf("begins at %d, forward %d", q.base, q.forward())
	}
}

func TestMessageNumbersPassThirtyTwoBits(t *testing.T) {
	q := newWaitingQueue()
	q.firstMessage = 1<<32 - 2
	q.entering, q.unsettled = q.firstMessage, q.firstMessage
	for range 4 {
		q.add(&Outgoing{Body: []byte("two fragments")}, 10, 0)
	}
	q.enterAll()
	for n := q.base; n < q.next; n++ {
		f := q.fragment(n)
		if want := MessageID(1<<32 - 2 + (n-1)/2); q.idOf(f) != want || q.messageOf(f) != q.message(want) {
			t.Errorf("fragment %d is of message %d, want %d", n, q.idOf(f), want)
		}
	}
	q.fly(1, 2, 3)
	q.arrive(1, 2, 3)
	if q.trim(); q.idOf(q.fragment(4)) != 1<<32-1 || q.idOf(q.fragment(7)) != 1<<32+1 {
		t.Errorf("later: messages %d and %d", q.idOf(q.fragment(4)), q.idOf(q.fragment(7)))
	}
}
