package netconn

import (
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/streams"
)

func TestReceivePausesBeyondTheLimit(t *testing.T) {
	c, f, h := newFake(Config{WaitingBytes: 1000})
	var reply *Reply[ConnectAnswer]
	h.connect = func(r *Reply[ConnectAnswer]) { reply = r }
	if !c.Receive(connectMessage(t)) {
		t.Fatal("connect itself pauses")
	}
	m := cmd(t, 0, "echo", 2, nil, "0123456789")
	size := len(m.Payload) + messageOverhead
	for i := range 1000 / size {
		if !c.Receive(m) {
			t.Fatalf("paused at %d bytes", (i+1)*size)
		}
	}
	for range 3 {
		if c.Receive(m) {
			t.Fatal("not paused beyond the limit")
		}
	}
	if len(f.names(t)) > 0 || f.resumed > 0 {
		t.Fatal("something was handled before the answer")
	}
	reply.Give(ConnectAnswer{Rights: AllRights})
	if got, want := len(f.names(t)), 1+1000/size+3; got != want {
		t.Errorf("%d answers, want %d", got, want)
	}
	if f.resumed != 1 {
		t.Errorf("resumed %d times", f.resumed)
	}
	if !c.Receive(m) {
		t.Error("still paused")
	}
}

func TestNothingIsHandledAfterTheEnd(t *testing.T) {
	c, f, h := newFake(Config{})
	var reply *Reply[ConnectAnswer]
	h.connect = func(r *Reply[ConnectAnswer]) { reply = r }
	c.Receive(connectMessage(t))
	c.Receive(cmd(t, 0, "createStream", 2, nil))
	c.Closed(errCut)
	c.Closed(errCut)
	reply.Give(ConnectAnswer{Rights: AllRights})
	c.Receive(cmd(t, 0, "createStream", 3, nil))
	if names := f.names(t); len(names) > 0 {
		t.Errorf("sent %v", names)
	}
	if h.gone != 1 {
		t.Errorf("told %d times that the client has gone", h.gone)
	}
	if c.Accepted() {
		t.Error("accepted after the end")
	}
}

func TestTwoQuestionsHoldMessagesUntilBothAreAnswered(t *testing.T) {
	var x executor
	var got []byte
	handle := func(m Message) { got = append(got, m.Payload...) }
	resume := func() {}
	x.do(func() { x.ask(); x.ask() }, handle, resume)
	x.deliver(Message{Payload: []byte("a")}, 1000, handle, resume)
	x.do(x.answered, handle, resume)
	if len(got) > 0 {
		t.Fatal("handled while a question is open")
	}
	x.do(x.answered, handle, resume)
	x.do(x.answered, handle, resume) // a late answer to a question that was dropped
	x.deliver(Message{Payload: []byte("b")}, 1000, handle, resume)
	if string(got) != "ab" {
		t.Errorf("handled %q", got)
	}
}

func TestAffairsRunOneAtATimeAndInOrder(t *testing.T) {
	var x executor
	var running sync.Mutex
	var next byte
	handle := func(m Message) {
		if !running.TryLock() {
			t.Error("two affairs at a time")
			return
		}
		defer running.Unlock()
		if m.Payload[0] != next {
			t.Errorf("message %d, want %d", m.Payload[0], next)
		}
		next = m.Payload[0] + 1
	}
	resume := make(chan struct{}, 1)
	wake := func() {
		select {
		case resume <- struct{}{}:
		default:
		}
	}
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for range 200 {
				x.do(func() {
					if !running.TryLock() {
						t.Error("two affairs at a time")
						return
					}
					running.Unlock()
				}, handle, wake)
			}
		})
	}
	for i := range 1000 {
		if !x.deliver(Message{Payload: []byte{byte(i)}}, 200, handle, wake) {
			<-resume
		}
	}
	others.Wait()
	x.do(func() {}, handle, wake)
	if next != byte(1000%256) {
		t.Errorf("the last message was %d", next-1)
	}
}

func TestReplyCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		r := NewReply(func(v int) { got = append(got, v) })
		r.otherwise(time.Second, -1)
		if !r.Give(1) || r.Give(2) {
			t.Error("an answer counts once")
		}
		time.Sleep(2 * time.Second)
		late := NewReply(func(v int) { got = append(got, v) })
		late.otherwise(time.Second, -1)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if late.Give(3) || !late.Given() {
			t.Error("an answer counts after the timeout")
		}
		if len(got) != 2 || got[0] != 1 || got[1] != -1 {
			t.Errorf("given %v", got)
		}
	})
}

func TestPingIsAnsweredByAnyMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := newFake(Config{})
		c.Receive(connectMessage(t))
		var answers []bool
		ping := func() { c.Ping(time.Second, func(alive bool) { answers = append(answers, alive) }) }
		ping()
		time.Sleep(900 * time.Millisecond)
		c.Receive(Message{Type: TypeAudio, StreamID: 9})
		time.Sleep(time.Second)
		ping()
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		ping()
		c.Closed(errCut)
		ping()
		want := []bool{true, false, false, false}
		if len(answers) != 4 || answers[0] != want[0] || answers[1] || answers[2] || answers[3] {
			t.Errorf("answers %v, want %v", answers, want)
		}
	})
}

func TestPlayArguments(t *testing.T) {
	for _, test := range []struct{ start, want float64 }{
		{-2, PlayLiveOrRecorded}, {-2000, PlayLiveOrRecorded}, {-1, PlayLive}, {-1000, PlayLive}, {-3, PlayLiveOrRecorded},
		{-500, PlayLiveOrRecorded}, {0, 0}, {1500, 1500}, {math.NaN(), PlayLiveOrRecorded}, {math.Inf(-1), PlayLiveOrRecorded},
	} {
		if got := playStart(test.start); got != test.want {
			t.Errorf("start %v is %v, want %v", test.start, got, test.want)
		}
	}
	for _, test := range []struct{ duration, want float64 }{
		{-1, -1}, {-1000, -1}, {-7, -1}, {0, 0}, {2500, 2500}, {1e300, -1}, {math.Inf(1), -1}, {math.NaN(), -1},
	} {
		if got := playDuration(test.duration); got != test.want {
			t.Errorf("duration %v is %v, want %v", test.duration, got, test.want)
		}
	}
}

func TestAccessListsCover(t *testing.T) {
	for _, test := range []struct {
		list, name string
		want       bool
	}{
		{"", "x", false}, {"/", "x", true}, {"/", "a/b", true}, {" ; / ", "x", true},
		{"a", "a", true}, {"a", "a/b", true}, {"a", "ab", false}, {"/a/", "a/b/c", true},
		{"a/b;c", "c/x", true}, {"a/b;c", "a", false}, {"a/b;c", "a/b", true},
		{"protected", "mp4:protected/x.f4v", true}, {"protected", "mp4:x.f4v", false},
		{"a", "/a/x", true}, {"a", "b/mp4:a", false}, {"a", "", false}, {";;", "x", false},
	} {
		if got := Covers(test.list, test.name); got != test.want {
			t.Errorf("Covers(%q, %q) is %v", test.list, test.name, got)
		}
	}
}

func TestApplicationIsSplit(t *testing.T) {
	for _, test := range []struct{ in, app, instance, query string }{
		{"live", "live", "_definst_", ""}, {"live/", "live", "_definst_", ""}, {"/live", "live", "_definst_", ""},
		{"live/one", "live", "one", ""}, {"live/one/two/", "live", "one/two", ""}, {"live?a=b/c", "live", "_definst_", "a=b/c"},
		{"live/x?k=1?2", "live", "x", "k=1?2"}, {"", "", "_definst_", ""}, {"?q", "", "_definst_", "q"}, {"live//x", "live", "/x", ""},
	} {
		app, instance, query := splitApp(test.in)
		if app != test.app || instance != test.instance || query != test.query {
			t.Errorf("splitApp(%q) is %q, %q, %q", test.in, app, instance, query)
		}
	}
}

func TestPublisherEvictedBeforeItsAnswerIsRefused(t *testing.T) {
	c, f, h := newFake(Config{})
	c.Receive(connectMessage(t))
	c.Receive(cmd(t, 0, "createStream", 2, nil))
	h.publish = func(reply *Reply[PublishAnswer]) {
		// Somebody takes the name before the client knows that it has it.
		p, err := h.hub.Publish("x", streams.Claim{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.hub.Publish("x", streams.Claim{Take: true}); err != nil {
			t.Fatal(err)
		}
		reply.Give(PublishAnswer{Publisher: p})
	}
	f.names(t)
	c.Receive(cmd(t, 1, "publish", 0, nil, "x"))
	sameNames(t, f, "onStatus NetStream.Publish.BadName")
	if f.publish {
		t.Error("the transport still takes large messages")
	}
}

func TestTranscodedDataIsMadeOnce(t *testing.T) {
	payload, err := amf.AppendExtended(nil, "f", amf.NewObject(amf.Property{Name: "a", Value: 1.0}))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := media.FromMessage(TypeDataAMF3, 7, payload)
	first, ok := toAMF0(p)
	again, _ := toAMF0(p)
	if !ok || first != again || first.DataIsAMF3 || first.Timestamp != 7 {
		t.Errorf("got %+v and %+v", first, again)
	}
	payload, _ = amf.AppendExtended(nil, "f", &amf.ByteArray{})
	none, _ := media.FromMessage(TypeDataAMF3, 7, payload)
	for range 2 {
		if _, ok := toAMF0(none); ok {
			t.Error("a ByteArray in AMF0")
		}
	}
}

func TestErrorsBecomeStatuses(t *testing.T) {
	s := statusOf(errors.New("no"), PublishBadName, "x")
	if s.Error() != "NetStream.Publish.BadName: no" || s.Details != "x" {
		t.Errorf("got %+v", s)
	}
	if got := (Status{Code: "Unknown.Code"}).Error(); got != "Unknown.Code" {
		t.Errorf("got %q", got)
	}
	for code, form := range statusForms {
		s := Status{Code: code, Details: "x"}.filled()
		if s.Level != form.level || s.Level != LevelStatus && s.Level != LevelError && s.Level != LevelWarning {
			t.Errorf("%s: level %q", code, s.Level)
		}
	}
}

func TestStreamIDs(t *testing.T) {
	for _, test := range []struct {
		v    amf.Value
		want uint32
	}{
		{1.0, 1}, {4294967295.0, 1<<32 - 1}, {0.0, 0}, {-1.0, 0}, {4294967296.0, 0}, {math.NaN(), 0}, {"7", 7}, {"x", 0}, {nil, 0},
	} {
		if got, ok := streamID(test.v); got != test.want || ok != (test.want > 0) {
			t.Errorf("%v is %d, %v", test.v, got, ok)
		}
	}
}

// Nobody told this publisher that it was evicted: it learns by writing.
func TestEvictionShowsInTheNextPacket(t *testing.T) {
	c, f, h := newFake(Config{})
	c.Receive(connectMessage(t))
	c.Receive(cmd(t, 0, "createStream", 2, nil))
	h.publish = func(reply *Reply[PublishAnswer]) {
		p, err := h.hub.Publish("x", streams.Claim{})
		reply.Give(PublishAnswer{Publisher: p, Err: err})
	}
	f.names(t)
	c.Receive(cmd(t, 1, "publish", 0, nil, "x"))
	if _, err := h.hub.Publish("x", streams.Claim{Take: true}); err != nil {
		t.Fatal(err)
	}
	c.Receive(Message{Type: TypeVideo, StreamID: 1, Payload: []byte{0x17, 1, 0, 0, 0}})
	c.Receive(Message{Type: TypeVideo, StreamID: 1, Payload: []byte{0x27, 1, 0, 0, 0}})
	sameNames(t, f, "onStatus NetStream.Publish.Start", "onStatus NetStream.Publish.BadName")
}
