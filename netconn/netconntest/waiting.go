package netconntest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
)

// Cases in which somebody lets others wait.
func init() {
	addVirtual("LateAnswerBlocksNobody", lateAnswer)
	addVirtual("UnansweredConnectIsRejected", unansweredConnect)
	addVirtual("IdleClientIsPingedAndStays", idleClientStays)
	addVirtual("DeadClientIsDropped", deadClientIsDropped)
	addVirtual("UnansweredPublishAndPlayAreRefused", unansweredQuestions)
}

func lateAnswer(t *testing.T, h Harness) {
	room := NewRoom()
	room.Connects = func(c *netconn.Conn, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
		switch r.App {
		case "slow":
			time.AfterFunc(3*time.Second, func() { reply.Give(room.Accept()) })
		case "no":
			time.AfterFunc(3*time.Second, func() { reply.Give(netconn.ConnectAnswer{Err: errors.New("no")}) })
		default:
			reply.Give(room.Accept())
		}
	}
	s := h.Serve(t, room, Options{})
	begun := time.Now()
	slow, no := NewPeer(t, s), NewPeer(t, s)
	slow.Connect(amf.Property{Name: "app", Value: "slow"})
	publish := func() {
		slow.Command(1, "publish", 0, nil, "x")
		slow.Send(netconn.Message{Type: netconn.TypeVideo, StreamID: 1, Payload: keyframe(0, 9).Payload})
	}
	slow.Call("createStream")
	if !s.Manner().Rejects { // else there must be the stream first
		publish()
	}
	no.Connect(amf.Property{Name: "app", Value: "no"})
	no.Call("createStream")

	// Nobody else waits.
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "y")
	screen, _ := Player(t, s, netconn.ConnectOptions{App: "live"}, "y")
	packets := Broadcast(0, 10)
	Write(t, pub, packets...)
	screen.Shows(t, packets...)
	most := time.Duration(0)
	if s.Manner().Lanes {
		most = 500 * time.Millisecond // Write waits for acknowledgements
	}
	if waited := time.Since(begun); waited > most {
		t.Errorf("another client waited %v", waited)
	}

	slow.Expect(slow.answered(fmt.Sprintf(accepted, 0))...)
	slow.Expect("0 _result 2 null 1")
	if s.Manner().Rejects {
		publish()
	}
	slow.Expect("control 0 1", publishStart("x"))
	no.Expect(`0 _error 1 null {level: "error", code: "NetConnection.Connect.Rejected", description: "no"}`, "0 close 0 null")
	no.ExpectEnd()
	if waited := time.Since(begun); waited < 3*time.Second {
		t.Errorf("answered after %v", waited)
	}
	watch := Connected(t, s)
	watch.CreateStream(1)
	watch.Command(1, "play", 0, nil, "x")
	watch.Expect(append(started("x"), "1 video @0 "+fmt.Sprintf("%X+2", keyframe(0, 9).Payload[:12]))...)
}

func unansweredConnect(t *testing.T, h Harness) {
	room, asked := later(t)
	p := NewPeer(t, h.Serve(t, room, Options{NetConn: netconn.Config{QuestionTimeout: 5 * time.Second}}))
	begun := time.Now()
	p.Connect()
	p.Call("createStream")
	p.Expect(`0 _error 1 null {level: "error", code: "NetConnection.Connect.Rejected", description: "the application did not answer in time"}`, "0 close 0 null")
	p.ExpectEnd()
	if waited := time.Since(begun); waited < 5*time.Second || waited > 7*time.Second {
		t.Errorf("rejected after %v", waited)
	}
	Await(t, "end", room.Gone)
	Await(t, "question", asked)(nil) // nobody is there
}

func idleClientStays(t *testing.T, h Harness) {
	room := NewRoom()
	s := h.Serve(t, room, Options{IdleTime: 60 * time.Second, PingTimeout: 10 * time.Second})
	c := dial(t, s, netconn.ConnectOptions{App: "live"})
	time.Sleep(time.Hour)
	if len(room.Gone) > 0 || c.Err() != nil || s.Dead() != 0 {
		t.Errorf("a client that answers pings was dropped: %v", c.Err())
	}
}

func deadClientIsDropped(t *testing.T, h Harness) {
	room := NewRoom()
	s := h.Serve(t, room, Options{IdleTime: 60 * time.Second, PingTimeout: 10 * time.Second, WriteTimeout: time.Hour})
	p := Connected(t, s)
	time.Sleep(time.Second) // what the server has said is acknowledged
	p.Freeze()              // and from now on it does not read
	time.Sleep(58 * time.Second)
	if len(room.Gone) > 0 {
		t.Fatal("dropped before the idle time")
	}
	time.Sleep(60*time.Second/8 + 11*time.Second)
	if len(room.Gone) != 1 || s.Dead() != 1 {
		t.Errorf("%d clients gone, %d dead, want 1", len(room.Gone), s.Dead())
	}
}

// silent is a room that leaves some questions open.
type silent struct{ *Room }

func (silent) Publish(*netconn.Conn, netconn.PublishRequest, *netconn.Reply[netconn.PublishAnswer]) {
}

func (silent) Play(_ *netconn.Conn, r netconn.PlayRequest, reply *netconn.Reply[netconn.PlayAnswer]) {
	if r.Name == "refused" {
		time.AfterFunc(time.Second, func() { reply.Give(netconn.PlayAnswer{Err: errors.New("not today")}) })
	}
	if r.Name == "empty" {
		reply.Give(netconn.PlayAnswer{})
	}
}

func unansweredQuestions(t *testing.T, h Harness) {
	p := Connected(t, h.Serve(t, silent{NewRoom()}, Options{NetConn: netconn.Config{QuestionTimeout: 5 * time.Second}}))
	p.CreateStream(1)
	p.Command(1, "publish", 0, nil, "x")
	p.Call("createStream")
	const late = "the application did not answer in time"
	p.Expect(status(1, "error", netconn.PublishBadName, late, "x"), "0 _result 3 null 2")
	p.Command(1, "play", 0, nil, "x")
	p.Expect(status(1, "error", netconn.PlayFailed, late, "x"))
	p.Command(1, "play", 0, nil, "refused")
	p.Expect(status(1, "error", netconn.PlayFailed, "not today", "refused"))
	p.Command(1, "play", 0, nil, "empty")
	p.Expect(status(1, "error", netconn.PlayFailed, "the application's answer has no stream", "empty"))
}
