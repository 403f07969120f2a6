package netconntest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
)

func init() {
	add("CallsAreAnswered", callsAreAnswered)
	add("CallsOfAMF3ClientsAreAnswered", callsOfAMF3)
	add("PendingCallHoldsNothingUp", pendingCall)
	add("ServerCallsTheClient", serverCalls)
	add("UnansweredCallsEndWithTheConnection", callsEnd)
	add("EncodersFindTheirMethods", encoderMethods)
	add("ApplicationsMethodsComeFirst", applicationsMethods)
	add("BandwidthCheckEnds", bandwidthCheck)
	addVirtual("BandwidthIsMeasured", bandwidthIsMeasured)
}

// desk answers a few methods.
func desk(room *Room) {
	room.Calls = func(_ *netconn.Conn, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
		switch r.Method {
		case "echo":
			reply.Give(netconn.CallAnswer{Value: amf.NewArray(r.Args...)})
		case "fail":
			reply.Give(netconn.CallAnswer{Err: errors.New("out of order")})
		case "own":
			reply.Give(netconn.CallAnswer{Err: netconn.Status{Code: "My.Code", Level: "warning", Description: "d"}})
		case "strange":
			reply.Give(netconn.CallAnswer{Value: struct{}{}})
		case "nothing":
			reply.Give(netconn.CallAnswer{Value: amf.Undefined})
		case "releaseStream":
			reply.Give(netconn.CallAnswer{Value: "mine"})
		default:
			reply.Give(netconn.CallAnswer{Err: netconn.ErrNoMethod})
		}
	}
}

func callFailed(transaction float64, text string) string {
	return fmt.Sprintf(`0 _error %v null {level: "error", code: "NetConnection.Call.Failed", description: %q}`, transaction, text)
}

func callsAreAnswered(t *testing.T, h Harness) {
	room := NewRoom()
	desk(room)
	p := Connected(t, h.Serve(t, room, Options{}))
	p.Call("echo", "a", nil, 1.5, amf.NewObject(amf.Property{Name: "k", Value: true}))
	p.Expect(`0 _result 2 null ["a", null, 1.5, {k: true}]`)
	p.Call("nothing")
	p.Expect("0 _result 3 null undefined")
	p.Answered("fail", callFailed(4, "out of order"))
	p.Answered("own", `0 _error 5 null {level: "warning", code: "My.Code", description: "d"}`)
	p.Answered("missing", callFailed(6, "Method not found (missing)."))
	p.Call("strange")
	if got := Describe(p.Receive()); !strings.HasPrefix(got, `0 _error 7 null {level: "error", code: "NetConnection.Call.Failed"`) {
		t.Errorf("a value that AMF does not know: %s", got)
	}
	for _, method := range []string{"echo", "fail", "missing"} {
		p.Command(0, method, 0, nil) // wants no answer
	}
	p.ExpectNothing()
	// A stream's command without a stream is a method like others.
	p.Answered("play", callFailed(9, "Method not found (play)."))
}

func callsOfAMF3(t *testing.T, h Harness) {
	room := NewRoom()
	desk(room)
	p := Connected(t, h.Serve(t, room, Options{}), amf.Property{Name: "objectEncoding", Value: 3.0})
	p.Call("echo", &amf.ByteArray{Bytes: []byte("xyz")}, amf.NewObject(amf.Property{Name: "k", Value: 1.0}), amf.NewArray(1.0, "s"))
	p.Expect(`amf3 0 _result 2 null [ByteArray(3 bytes), {k: 1}, [1, "s"]]`)
	p.ExpectNothing()
}

func pendingCall(t *testing.T, h Harness) {
	room := NewRoom()
	pending := make(chan *netconn.Reply[netconn.CallAnswer], 1)
	room.Calls = func(_ *netconn.Conn, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
		if r.Method == "slow" {
			pending <- reply
			return
		}
		reply.Give(netconn.CallAnswer{Value: r.Method})
	}
	p := Connected(t, h.Serve(t, room, Options{}))
	p.Call("slow")
	p.Answered("fast", `0 _result 3 null "fast"`)
	p.CreateStream(1)
	reply := Await(t, "call", pending)
	if !reply.Give(netconn.CallAnswer{Value: "at last"}) || reply.Give(netconn.CallAnswer{}) {
		t.Error("an answer counts once")
	}
	p.Expect(`0 _result 2 null "at last"`)
}

func serverCalls(t *testing.T, h Harness) {
	room := NewRoom()
	s := h.Serve(t, room, Options{})
	p := Connected(t, s)
	c := Await(t, "client", room.Came)
	answers := make(chan netconn.Result, 1)
	ask := func() {
		if err := c.Call("ask", func(r netconn.Result) { answers <- r }, "a", 1.0); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	p.Expect(`0 ask 1 null "a" 1`)
	p.Command(0, "_result", 99, nil, "of no call")
	p.Command(0, "_result", 1, nil, "fine", 2.0)
	if r := Await(t, "answer", answers); r.Err != nil || r.Value != "fine" || len(r.Values) != 3 {
		t.Errorf("answer %+v", r)
	}
	ask()
	p.Expect(`0 ask 2 null "a" 1`)
	p.Command(0, "_error", 2, nil, amf.NewObject(amf.Property{Name: "code", Value: "X"}, amf.Property{Name: "why", Value: 1.0}))
	var st netconn.Status
	if r := Await(t, "answer", answers); !errors.As(r.Err, &st) || st.Code != "X" || len(st.Extra) != 1 {
		t.Errorf("answer %+v", r)
	}
	if err := c.Call("tell", nil, true); err != nil {
		t.Fatal(err)
	}
	p.Expect("0 tell 0 null true")

	// Our own client answers by itself.
	called := make(chan string, 1)
	_, err := s.Dial(t, netconn.ConnectOptions{App: "live"}, netconn.ClientEvents{Call: func(method string, args []amf.Value) (amf.Value, error) {
		called <- amf.Format(amf.NewArray(args...))
		return method, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	c = Await(t, "client", room.Came)
	ask()
	if got := Await(t, "call", called); got != `["a", 1]` {
		t.Errorf("called with %s", got)
	}
	if r := Await(t, "answer", answers); r.Value != "ask" {
		t.Errorf("answer %+v", r)
	}
}

func callsEnd(t *testing.T, h Harness) {
	room := NewRoom()
	p := Connected(t, h.Serve(t, room, Options{}))
	c := Await(t, "client", room.Came)
	answers := make(chan netconn.Result, 2000)
	count := 0
	for range 1100 {
		if err := c.Call("ask", func(r netconn.Result) { answers <- r }); err == nil {
			count++
		} else if !errors.Is(err, netconn.ErrTooManyCalls) {
			t.Fatal(err)
		}
	}
	if count != 1024 {
		t.Errorf("%d calls wait, want 1024", count)
	}
	p.Cut()
	for range count {
		if r := Await(t, "answer", answers); !errors.Is(r.Err, netconn.ErrDisconnected) {
			t.Fatalf("answer %+v", r)
		}
	}
	if err := c.Call("ask", func(netconn.Result) {}); !errors.Is(err, netconn.ErrDisconnected) {
		t.Errorf("a call after the end: %v", err)
	}
}

func encoderMethods(t *testing.T, h Harness) {
	p := Connected(t, h.Serve(t, NewRoom(), Options{}))
	for _, test := range []struct{ method, notice, code string }{
		{"FCPublish", "onFCPublish", "NetStream.Publish.Start"},
		{"FCUnpublish", "onFCUnpublish", "NetStream.Unpublish.Success"},
		{"FCSubscribe", "onFCSubscribe", "NetStream.Play.Start"},
		{"FCUnsubscribe", "onFCUnsubscribe", "NetStream.Play.Stop"},
	} {
		n := p.Call(test.method, "x")
		p.Expect(
			fmt.Sprintf("0 _result %v null undefined", n),
			fmt.Sprintf(`0 %s 0 null {level: "status", code: %q, description: "x"}`, test.notice, test.code),
		)
	}
	n := p.Call("releaseStream", "x")
	p.Expect(fmt.Sprintf("0 _result %v null undefined", n))
	n = p.Call("getStreamLength", "x")
	p.Expect(fmt.Sprintf("0 _result %v null 0", n))
	p.ExpectNothing()
}

func applicationsMethods(t *testing.T, h Harness) {
	room := NewRoom()
	desk(room)
	p := Connected(t, h.Serve(t, room, Options{}))
	p.Call("releaseStream", "x")
	p.Expect(`0 _result 2 null "mine"`)
}

func bandwidthCheck(t *testing.T, h Harness) {
	room := NewRoom()
	p := Connected(t, h.Serve(t, room, Options{}))
	p.Call("checkBandwidth")
	p.Call("checkBandwidth") // while one is under way: nothing more
	p.Expect("0 _result 2 null undefined", "0 onBWCheck 1 null null", "0 _result 3 null undefined")
	p.Command(0, "_result", 1, nil)
	for i := 1; i <= 16; i++ {
		m := p.Receive()
		if got := Describe(m); !strings.HasPrefix(got, fmt.Sprintf(`0 onBWCheck %d null "`, i+1)) || len(m.Payload) < i*16384 || len(m.Payload) > i*16384+100 {
			t.Fatalf("round %d: %d bytes, %.40s", i, len(m.Payload), got)
		}
		p.Command(0, "_error", float64(i+1), nil) // counts like any answer
	}
	if got := Describe(p.Receive()); !strings.HasPrefix(got, "0 onBWDone 0 null ") {
		t.Errorf("at the end: %s", got)
	}
	if err := Await(t, "client", room.Came).CheckBandwidth(); err != nil {
		t.Error(err)
	}
	p.Expect("0 onBWCheck 18 null null")
}

func bandwidthIsMeasured(t *testing.T, h Harness) {
	p := Connected(t, h.Serve(t, NewRoom(), Options{}))
	p.Call("_checkbw")
	p.Expect("0 _result 2 null undefined", "0 _onbwcheck 1 null null")
	for i := 1; ; i++ {
		time.Sleep(500 * time.Millisecond)
		p.Command(0, "_result", float64(i), nil)
		got := Describe(p.Receive())
		if strings.HasPrefix(got, "0 _onbwcheck ") {
			continue
		}
		// Four rounds of 16, 32, 48 and 64 KiB in 2 s, all of it latency, which is subtracted.
		if want := fmt.Sprintf("0 _onbwdone 0 null %d %v 2 500", int(float64(10*16384*8)/1000/0.001), float64(10*16384*8)/1000); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		return
	}
}
