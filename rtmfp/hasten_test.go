package rtmfp_test

import (
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

// stuck is a flow whose network has gone silent, with a full congestion window: the first message has been started, no other.
type stuck struct {
	*world
	near   *end
	flow   *rtmfp.SendFlow
	inbox  *inbox
	outbox *outbox
	ids    []rtmfp.MessageID
}

// newStuck queues as many messages behind the first, each with a receipt, for which outgoing says the rest.
func newStuck(t *testing.T, waiting int, blackout time.Duration, outgoing func(o *rtmfp.Outgoing)) *stuck {
	t.Helper()
	w := newWorld(t, 140)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.join(a, b)
	s := &stuck{world: w, near: a, outbox: &outbox{}}
	a.do(func() {
		s.flow = near.open(t, rtmfp.FlowConfig{Handler: s.outbox})
		sendAll(t, s.flow, []string{"something to be acknowledged"})
	})
	w.RunFor(time.Second)
	s.inbox = far.inboxes[0]
	*s.outbox = outbox{}
	a.host.Blackout(blackout)
	a.do(func() {
		s.send(rtmfp.Outgoing{Body: make([]byte, 100_000), Receipt: true})
		for i := range waiting {
			o := rtmfp.Outgoing{Body: []byte(content(5000, i)), Receipt: true}
			outgoing(&o)
			s.send(o)
		}
	})
	if !s.flow.Started(s.ids[0]) || waiting > 0 && s.flow.Started(s.ids[1]) {
		t.Fatal("the window is not filled by the first message")
	}
	return s
}

func (s *stuck) send(o rtmfp.Outgoing) {
	id, err := s.flow.Send(o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.ids = append(s.ids, id)
}

func noMore(*rtmfp.Outgoing) {}

// givenUp says which of the messages were abandoned, by their place.
func (s *stuck) givenUp() (all []int) {
	for i, id := range s.ids {
		if delivered, settled := s.outbox.settled[id]; settled && !delivered {
			all = append(all, i)
		}
	}
	return all
}

func (s *stuck) wantGivenUp(when string, count, from int) {
	s.t.Helper()
	all := s.givenUp()
	if len(all) != count || count > 0 && all[0] != from {
		s.t.Errorf("%s: %v were given up, want %d from %d on", when, all, count, from)
	}
}

func TestHastenedMessageIsGivenUpThen(t *testing.T) {
	s := newStuck(t, 3, time.Hour, noMore)
	startBy := s.Now().Add(50 * time.Millisecond)
	s.near.do(func() { s.flow.Hasten(s.ids[2], startBy) })
	s.Run(startBy)
	s.wantGivenUp("at the deadline", 0, 0)
	s.RunFor(1)
	s.wantGivenUp("behind the deadline", 1, 2)
}

func TestMessageHastenedIntoThePastIsGivenUpAfterTheCall(t *testing.T) {
	s := newStuck(t, 2, time.Hour, noMore)
	s.near.do(func() {
		s.flow.Hasten(s.ids[1], s.Now()-1)
		s.wantGivenUp("within the call", 0, 0)
	})
	s.RunFor(0)
	s.wantGivenUp("after the call", 1, 1)
}

func TestDeadlineOnlyComesEarlier(t *testing.T) {
	startBy := 100 * time.Millisecond
	var at rtmfp.Instant
	s := newStuck(t, 1, time.Hour, func(o *rtmfp.Outgoing) {
		at = rtmfp.Instant(time.Second).Add(startBy)
		o.StartBy = at
	})
	s.near.do(func() { s.flow.Hasten(s.ids[1], at.Add(time.Second)) })
	s.near.do(func() { s.flow.Hasten(s.ids[1], 0) })
	s.Run(at + 1)
	s.wantGivenUp("hastened to later", 1, 1)

	s = newStuck(t, 1, time.Hour, func(o *rtmfp.Outgoing) { o.StartBy = at })
	s.near.do(func() { s.flow.Hasten(s.ids[1], at-10) })
	s.Run(at - 9)
	s.wantGivenUp("hastened to earlier", 1, 1)
}

func TestOnlyMessagesThatWaitAreHastened(t *testing.T) {
	s := newStuck(t, 1, 2*time.Second, noMore)
	s.near.do(func() {
		for id := range s.ids[1] + 10 {
			if id != s.ids[1] { // settled long ago, started, and not there yet
				s.flow.Hasten(id, s.Now()-1)
			}
		}
	})
	s.RunFor(20 * time.Second)
	s.near.do(func() { s.flow.Hasten(s.ids[0], s.Now()-1) })
	s.RunFor(time.Second)
	if s.outbox.delivered != 2 || s.inbox.count != 3 || s.inbox.gaps != 0 {
		t.Errorf("%d delivered, %v given up", s.outbox.delivered, s.givenUp())
	}
}

func TestDeadlinesAreToldWhileTheWindowIsFull(t *testing.T) {
	var startBy, finishBy rtmfp.Instant
	s := newStuck(t, 20, time.Hour, func(o *rtmfp.Outgoing) {
		startBy = rtmfp.Instant(time.Second).Add(100 * time.Millisecond)
		finishBy = startBy.Add(50 * time.Millisecond)
		if o.StartBy = startBy; o.Body[0]%2 == 0 {
			o.StartBy, o.FinishBy = 0, finishBy
		}
	})
	odd := 0
	for i := range 20 {
		odd += int(content(5000, i)[0] % 2)
	}
	s.Run(startBy)
	s.wantGivenUp("before", 0, 0)
	s.RunFor(1)
	if n := len(s.givenUp()); n != odd || odd == 0 || odd == 20 {
		t.Errorf("%d of %d were told of when they should have been started", n, odd)
	}
	s.Run(finishBy)
	if n := len(s.givenUp()); n != odd {
		t.Errorf("%d of %d were told of before they should have been finished", n, odd)
	}
	s.RunFor(1)
	s.wantGivenUp("when they should have been finished", 20, 1)
}

// TestSettledMayAbandonAndSend cuts a group of frames at the first that is late, and sends another in its place.
func TestSettledMayAbandonAndSend(t *testing.T) {
	first := rtmfp.Instant(time.Second).Add(100 * time.Millisecond)
	at := first
	s := newStuck(t, 10, time.Second, func(o *rtmfp.Outgoing) {
		o.StartBy = at
		at = at.Add(time.Millisecond)
	})
	replaced := false
	s.outbox.onSettled = func(id rtmfp.MessageID, delivered bool) {
		if delivered || replaced {
			return
		}
		replaced = true
		for _, later := range s.ids[2:] {
			s.flow.Abandon(later)
		}
		for i := range 50 { // so many that the queue moves in memory
			s.send(rtmfp.Outgoing{Body: []byte(content(2000, 100+i)), Receipt: true})
		}
	}
	s.Run(first + 1)
	s.wantGivenUp("with the first late one", 10, 1)
	s.RunFor(time.Minute)
	if s.outbox.delivered != 51 || len(s.inbox.messages) != 52 {
		t.Fatalf("%d delivered, %d arrived", s.outbox.delivered, len(s.inbox.messages))
	}
	for i, got := range s.inbox.messages[2:] {
		if got != content(2000, 100+i) {
			t.Errorf("message %d is another than was sent", i)
		}
	}
}

func TestOldestIsTheFirstThatIsNotSettled(t *testing.T) {
	s := newStuck(t, 0, time.Hour, noMore)
	began := s.Now()
	for i := range 3 {
		s.RunFor(time.Millisecond)
		s.near.do(func() { s.send(rtmfp.Outgoing{Body: make([]byte, 1000*i)}) })
	}
	want := func(what string, after time.Duration, there bool) {
		t.Helper()
		if at, ok := s.flow.Oldest(); ok != there || ok && at.Sub(began) != after {
			t.Errorf("%s: %v, %v", what, at.Sub(began), ok)
		}
	}
	want("all", 0, true)
	s.near.do(func() { s.flow.Abandon(s.ids[1]) })
	want("without the second", 0, true)
	s.near.do(func() { s.flow.Abandon(s.ids[0]) })
	want("without two", 2*time.Millisecond, true)
	s.near.do(func() { s.flow.Abandon(s.ids[2]); s.flow.Abandon(s.ids[3]) })
	want("none", 0, false)
	s.RunFor(time.Millisecond)
	s.near.do(func() { s.send(rtmfp.Outgoing{Body: []byte("x")}) })
	want("a new one", 4*time.Millisecond, true)
}
