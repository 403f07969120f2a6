package netconn

import (
	"testing"

	"afterglow/streams"
)

// What the Handler holds waits, in order, until it has released it as often; what goes to the client does not wait.
func TestHeldMessagesWait(t *testing.T) {
	c, f, h := newFake(Config{WaitingBytes: 300})
	c.Receive(connectMessage(t))
	f.names(t)
	h.shared = func(c *Conn, _ *SharedObjectMessage) { c.Hold(); c.Hold() }
	c.Receive(NewSharedObjectUpdate(SharedObjectMessage{Name: "x", Events: []SharedObjectEvent{{Type: SOUse}}}).Messages(AMF0)[0])
	more := true
	for range 5 {
		more = c.Receive(cmd(t, 0, "echo", 2, nil))
	}
	if more {
		t.Error("the transport goes on though too much waits")
	}
	if err := c.Call("tell", nil); err != nil {
		t.Fatal(err)
	}
	sameNames(t, f, "tell")
	c.Release()
	sameNames(t, f)
	if f.resumed > 0 {
		t.Error("resumed while held")
	}
	c.Release()
	sameNames(t, f, "_result", "_result", "_result", "_result", "_result")
	if f.resumed != 1 {
		t.Errorf("resumed %d times", f.resumed)
	}
	c.Hold()
	c.Closed(errCut)
	c.Release()
}

func TestHandlerLearnsWhatIsPublished(t *testing.T) {
	c, f, h := newFake(Config{})
	c.Receive(connectMessage(t))
	c.Receive(cmd(t, 0, "createStream", 2, nil))
	f.names(t)
	h.told = func(r PublishRequest) {
		if r.Query != "k=v" || r.Type != "live" || r.Stream == nil {
			t.Errorf("published %+v", r)
		}
		sameNames(t, f, "onStatus NetStream.Publish.Start")
	}
	c.Receive(cmd(t, 1, "publish", 0, nil, "x?k=v"))
	h.publish = func(reply *Reply[PublishAnswer]) { reply.Give(PublishAnswer{Err: errCut}) }
	c.Receive(cmd(t, 1, "publish", 0, nil, "y"))
	h.publish = nil
	if _, err := h.hub.Publish("x", streams.Claim{}); err != nil {
		t.Error(err)
	}
	if len(h.events) != 2 || h.events[0] != "published x" || h.events[1] != "unpublished x" {
		t.Errorf("told %v", h.events)
	}
}

func TestTooMuchSaidTooEarlyEndsTheConnection(t *testing.T) {
	c, f, h := newFake(Config{WaitingBytes: 1000})
	h.connect = func(*Reply[ConnectAnswer]) {}
	c.Receive(connectMessage(t))
	for range 100 {
		if err := c.Call("tell", nil); err != nil {
			t.Fatal(err)
		}
	}
	if f.closed == nil || len(f.names(t)) > 0 {
		t.Errorf("closed because of %v", f.closed)
	}
	c.Closed(errCut)
}

func TestCallThatCannotBeEncodedIsForgotten(t *testing.T) {
	c, f, _ := newFake(Config{})
	c.Receive(connectMessage(t))
	f.names(t)
	for range 2 * maxPendingCalls {
		if c.Call("f", func(Result) { t.Error("answered") }, struct{}{}) == nil {
			t.Fatal("no error")
		}
	}
	c.Closed(errCut)
	sameNames(t, f)
}

// Whoever has the connection busy does not have the order changed in which another goroutine speaks.
func TestOrderHoldsWhileTheConnectionIsBusy(t *testing.T) {
	c, f, h := newFake(Config{})
	var reply *Reply[ConnectAnswer]
	h.connect = func(r *Reply[ConnectAnswer]) { reply = r }
	c.Receive(connectMessage(t))
	busy, free, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		c.do(func() { close(busy); <-free })
		close(done)
	}()
	<-busy
	reply.Give(ConnectAnswer{Rights: AllRights})
	speak := func() {
		for _, name := range []string{"first", "second"} {
			if err := c.Call(name, nil); err != nil {
				t.Fatal(err)
			}
			c.Notify(Status{Code: "Notice"})
		}
	}
	speak()
	close(free)
	<-done
	sameNames(t, f, "_result NetConnection.Connect.Success", "first", "onStatus Notice", "second", "onStatus Notice")
	c.do(func() {
		speak()
		sameNames(t, f)
	})
	c.Disconnect(Status{Code: ConnectAppShutdown})
	speak()
	sameNames(t, f, "first", "onStatus Notice", "second", "onStatus Notice", "onStatus NetConnection.Connect.AppShutdown")
}
