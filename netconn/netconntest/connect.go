package netconntest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"

	"github.com/google/go-cmp/cmp"
)

func init() {
	add("ConnectBringsEveryArgument", connectBringsEveryArgument)
	add("ConnectIsAnswered", connectIsAnswered)
	add("ConnectAnswersAMF3", connectAnswersAMF3)
	add("EnhancedClientLearnsWhatIsForwarded", enhancedClientLearns)
	add("RejectionIsReadBeforeTheEnd", rejectionIsRead)
	add("RejectionReachesTheClient", rejectionReachesClient)
	add("SecondConnectIsRefused", secondConnectIsRefused)
	add("MessagesBeforeConnectEndTheConnection", messagesBeforeConnect)
	add("BadMessagesEndTheConnection", badMessages)
	add("MessagesWaitForTheAnswerInOrder", messagesWait)
	add("MoreThanTheLimitWaitsInTheTransport", moreThanTheLimitWaits)
	add("DisconnectedIsToldOnceForEachConnect", disconnectedOnce)
	add("ShutdownTellsClients", shutdownTells)
	add("ReconnectRequestReachesThoseThatCan", reconnectRequest)
}

func connectBringsEveryArgument(t *testing.T, h Harness) {
	requests := make(chan netconn.ConnectRequest, 1)
	room := NewRoom()
	room.Connects = func(_ *netconn.Conn, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
		requests <- r
		reply.Give(room.Accept())
	}
	s := h.Serve(t, room, Options{})
	info := amf.NewObject(amf.Property{Name: "n", Value: 1.5}, amf.Property{Name: "list", Value: amf.NewArray("a", nil, true)})
	Connected(t, s,
		amf.Property{Name: "app", Value: "live/one/two/?token=1&x=a?b"},
		amf.Property{Name: "swfUrl", Value: "http://h/p.swf"},
		amf.Property{Name: "pageUrl", Value: "http://h/"},
		amf.Property{Name: "audioCodecs", Value: 4.0},
		amf.Property{Name: "videoCodecs", Value: 128.0},
		amf.Property{Name: "own", Value: "field"},
	)
	got := Await(t, "question", requests)
	want := netconn.ConnectRequest{App: "live", Instance: "one/two", Query: "token=1&x=a?b", TCURL: "rtmp://localhost/live",
		FlashVer: "WIN 11,0,0,0", SWFURL: "http://h/p.swf", PageURL: "http://h/", Media: media.Capabilities{AudioCodecs: 4, VideoCodecs: 128}}
	if own := got.Object.String("own"); own != "field" {
		t.Errorf("own property is %q", own)
	}
	if len(got.Args) > 0 {
		t.Errorf("arguments %v", got.Args)
	}
	got.Object, got.Args = nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}

	c, err := s.Dial(t, netconn.ConnectOptions{App: "live", Encoding: netconn.AMF3, Args: []amf.Value{"auth", 1.0, info, nil, true}}, netconn.ClientEvents{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got = Await(t, "question", requests)
	if got.Encoding != netconn.AMF3 || got.Instance != "_definst_" || !got.Reconnect || got.Media.FourCCList[0] != "*" {
		t.Errorf("request %+v", got)
	}
	if args := amf.Format(amf.NewArray(got.Args...)); args != `["auth", 1, {n: 1.5, list: ["a", null, true]}, null, true]` {
		t.Errorf("arguments %s", args)
	}
}

const accepted = `0 _result 1 {fmsVer: "FMS/5,0,7,1", capabilities: 127, mode: 1} ` +
	`{level: "status", code: "NetConnection.Connect.Success", description: "Connection succeeded.", clientid: ID, objectEncoding: %d, data: [version: "5,0,7,1"]}`

// answered is the answer to connect with what accompanies it.
func (p *Peer) answered(line string) []string {
	return slices.Concat(p.manner.Before, []string{line}, p.manner.After)
}

func connectIsAnswered(t *testing.T, h Harness) {
	room := NewRoom()
	room.Connects = func(_ *netconn.Conn, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
		a := room.Accept()
		a.BWDone = true
		reply.Give(a)
	}
	p := NewPeer(t, h.Serve(t, room, Options{}))
	p.Connect()
	p.Expect(p.answered(fmt.Sprintf(accepted, 0))...)
	p.Expect("0 onBWDone 0 null")
}

func connectAnswersAMF3(t *testing.T, h Harness) {
	p := NewPeer(t, h.Serve(t, NewRoom(), Options{}))
	p.Connect(amf.Property{Name: "objectEncoding", Value: 3.0})
	p.Expect(p.answered(fmt.Sprintf(accepted, 3))...)
	// The client may use either form; the server answers in AMF3 (Errata section 7.2).
	p.Call("createStream")
	p.Expect("amf3 0 _result 2 null 1")
	p.encoding = netconn.AMF3
	p.Call("createStream")
	p.Expect("amf3 0 _result 3 null 2")
}

func enhancedClientLearns(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	for _, property := range []amf.Property{
		{Name: "fourCcList", Value: amf.NewArray("hvc1")},
		{Name: "capsEx", Value: 0.0},
		{Name: "videoFourCcInfoMap", Value: amf.NewObject()},
	} {
		p := NewPeer(t, s)
		p.Connect(property)
		got := p.Until("0 _result 1 ")
		want := `0 _result 1 {fmsVer: "FMS/5,0,7,1", capabilities: 127, mode: 1, fourCcList: ["*"], ` +
			`videoFourCcInfoMap: {"*": 4}, audioFourCcInfoMap: {"*": 4}, capsEx: 15} {`
		if len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%s: %s", property.Name, got)
		}
		p.Cut()
	}
}

// rejections are answers that reject, and what the client is told.
var rejections = []struct {
	name string
	err  error
	info string
}{
	{"bare", netconn.Status{Code: netconn.ConnectRejected}, `{level: "error", code: "NetConnection.Connect.Rejected", description: "Connection failed."}`},
	{"text", errors.New("not you"), `{level: "error", code: "NetConnection.Connect.Rejected", description: "not you"}`},
	{"application object", netconn.Status{Code: netconn.ConnectRejected, Description: "no", Extra: []amf.Property{
		{Name: "application", Value: amf.NewObject(amf.Property{Name: "why", Value: "full"})},
	}}, `{level: "error", code: "NetConnection.Connect.Rejected", description: "no", application: {why: "full"}}`},
	{"redirect", netconn.Status{Code: netconn.ConnectRejected, Extra: []amf.Property{
		{Name: "ex", Value: amf.NewObject(amf.Property{Name: "code", Value: 302.0}, amf.Property{Name: "redirect", Value: "rtmp://there/live"})},
	}}, `{level: "error", code: "NetConnection.Connect.Rejected", description: "Connection failed.", ex: {code: 302, redirect: "rtmp://there/live"}}`},
	{"wrapped", fmt.Errorf("asking: %w", netconn.Status{Code: netconn.ConnectInvalidApp}), `{level: "error", code: "NetConnection.Connect.InvalidApp", description: "Connection failed."}`},
}

func rejectionIsRead(t *testing.T, h Harness) {
	for _, r := range rejections {
		room := NewRoom()
		room.Connects = func(_ *netconn.Conn, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
			reply.Give(netconn.ConnectAnswer{Err: r.err})
		}
		p := NewPeer(t, h.Serve(t, room, Options{}))
		p.Connect()
		p.Expect("0 _error 1 null "+r.info, "0 close 0 null")
		p.ExpectEnd()
	}
}

func rejectionReachesClient(t *testing.T, h Harness) {
	room := NewRoom()
	room.Connects = func(_ *netconn.Conn, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
		reply.Give(netconn.ConnectAnswer{Err: rejections[3].err})
	}
	_, err := h.Serve(t, room, Options{}).Dial(t, netconn.ConnectOptions{App: "live"}, netconn.ClientEvents{})
	var s netconn.Status
	if !errors.As(err, &s) || s.Code != netconn.ConnectRejected || len(s.Extra) != 1 || amf.Format(s.Extra[0].Value) != `{code: 302, redirect: "rtmp://there/live"}` {
		t.Errorf("error %v, %+v", err, s)
	}
}

func secondConnectIsRefused(t *testing.T, h Harness) {
	p := Connected(t, h.Serve(t, NewRoom(), Options{}))
	p.Command(0, "connect", 9, amf.NewObject(amf.Property{Name: "app", Value: "other"}))
	p.Expect(`0 _error 9 null {level: "error", code: "NetConnection.Call.Failed", description: "The connection is open already."}`)
	p.CreateStream(1)
}

func messagesBeforeConnect(t *testing.T, h Harness) {
	onConnection := map[string]bool{"createStream": true, "call": true, "no object": true} // and not on a stream
	s := h.Serve(t, NewRoom(), Options{})
	for name, send := range map[string]func(*Peer){
		"createStream": func(p *Peer) { p.Command(0, "createStream", 1, nil) },
		"publish":      func(p *Peer) { p.Command(1, "publish", 0, nil, "x") },
		"call":         func(p *Peer) { p.Command(0, "f", 1, nil) },
		"video":        func(p *Peer) { p.Send(netconn.Message{Type: netconn.TypeVideo, StreamID: 1, Payload: []byte{0x17, 1}}) },
		"data":         func(p *Peer) { p.Data(1, 0, "onMetaData") },
		"no object":    func(p *Peer) { p.Command(0, "connect", 1, "live") },
	} {
		p := NewPeer(t, s)
		send(p)
		if p.manner.Rejects && !onConnection[name] {
			p.Connect()
			p.Expect(p.answered(fmt.Sprintf(accepted, 0))...)
			continue
		}
		got := p.Until("0 onStatus 0 null ")
		want := `0 onStatus 0 null {level: "error", code: "NetConnection.Connect.Rejected", description: "protocol error: `
		if len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%s: %s", name, got)
		}
		p.ExpectEnd()
	}
}

func badMessages(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	deep := make([]byte, 0, 1<<16)
	deep = append(deep, 2, 0, 1, 'f', 0, 0, 0, 0, 0, 0, 0, 0, 0)
	for range 10000 {
		deep = append(deep, 3, 0, 1, 'a')
	}
	for name, m := range map[string]netconn.Message{
		"truncated":  {Type: netconn.TypeCommandAMF0, Payload: []byte{2, 0, 9, 'x'}},
		"no name":    {Type: netconn.TypeCommandAMF0, Payload: []byte{5}},
		"empty":      {Type: netconn.TypeCommandAMF0},
		"deep":       {Type: netconn.TypeCommandAMF0, Payload: deep},
		"huge array": {Type: netconn.TypeCommandAMF0, Payload: []byte{2, 0, 1, 'f', 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0x7F, 0xFF, 0xFF, 0xFF}},
		"format":     {Type: netconn.TypeCommandAMF3, Payload: []byte{7, 2, 0, 1, 'f'}},
	} {
		p := Connected(t, s)
		p.Send(m)
		got := p.Until("0 onStatus 0 null ")
		want := `0 onStatus 0 null {level: "error", code: "NetConnection.`
		if len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%s: %s", name, got)
		}
		p.ExpectEnd()
	}
}

// later is a room whose clients wait until the test has them answered.
func later(t *testing.T) (*Room, chan func(error)) {
	room := NewRoom()
	asked := make(chan func(error), 10)
	room.Connects = func(c *netconn.Conn, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
		asked <- func(err error) {
			a := room.Accept()
			a.Err = err
			reply.Give(a)
		}
	}
	return room, asked
}

func messagesWait(t *testing.T, h Harness) {
	room, asked := later(t)
	p := NewPeer(t, h.Serve(t, room, Options{}))
	p.Connect()
	answer := Await(t, "question", asked)
	for range 5 {
		p.Call("createStream")
	}
	answer(nil)
	p.Until("0 _result 1 ")
	p.Expect(p.manner.After...)
	p.Expect("0 _result 2 null 1", "0 _result 3 null 2", "0 _result 4 null 3", "0 _result 5 null 4", "0 _result 6 null 5")
}

func moreThanTheLimitWaits(t *testing.T, h Harness) {
	const calls = 200
	room, asked := later(t)
	order := make(chan float64, calls)
	room.Calls = func(_ *netconn.Conn, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
		order <- r.Args[0].(float64)
		reply.Give(netconn.CallAnswer{})
	}
	p := NewPeer(t, h.Serve(t, room, Options{NetConn: netconn.Config{WaitingBytes: 5000}}))
	p.Connect()
	answer := Await(t, "question", asked)
	for i := range calls {
		p.Call("f", float64(i), string(make([]byte, 1000)))
	}
	answer(nil)
	p.Until(fmt.Sprintf("0 _result %d ", calls+1))
	for i := range calls {
		if got := <-order; got != float64(i) {
			t.Fatalf("call %v came as number %d", got, i)
		}
	}
}

func disconnectedOnce(t *testing.T, h Harness) {
	room, asked := later(t)
	s := h.Serve(t, room, Options{})
	open := NewPeer(t, s)
	open.Connect()
	answer := Await(t, "question", asked)
	open.Cut()
	Await(t, "end of the client that waits", room.Gone)
	answer(nil) // too late

	rejected := NewPeer(t, s)
	rejected.Connect()
	Await(t, "question", asked)(errors.New("no"))
	rejected.Until("0 close ")
	rejected.ExpectEnd()
	Await(t, "end of the client that was rejected", room.Gone)

	in := NewPeer(t, s)
	in.Connect()
	Await(t, "question", asked)(nil)
	in.Until("0 _result 1 ")
	in.Cut()
	Await(t, "end of the client that was let in", room.Gone)
	if len(room.Gone) > 0 {
		t.Error("told twice")
	}
}

func shutdownTells(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	p, q := Connected(t, s), Connected(t, s)
	s.Tell(netconn.Status{Code: netconn.ConnectAppShutdown})
	for _, peer := range []*Peer{p, q} {
		peer.Expect(status(0, "error", netconn.ConnectAppShutdown, "The application is shutting down.", ""))
		peer.ExpectEnd()
	}
}

func reconnectRequest(t *testing.T, h Harness) {
	room := NewRoom()
	s := h.Serve(t, room, Options{})
	old := Connected(t, s)
	if Await(t, "client", room.Came).RequestReconnect("rtmp://b/live", "Moving.") {
		t.Error("a client is asked that does not say that it can")
	}
	old.ExpectNothing()

	able := Connected(t, s, amf.Property{Name: "capsEx", Value: 1.0})
	c := Await(t, "client", room.Came)
	if !c.RequestReconnect("rtmp://b/live", "Moving.") || !c.RequestReconnect("", "") {
		t.Error("a client is not asked that can")
	}
	able.Expect(
		`0 onStatus 0 null {level: "status", code: "NetConnection.Connect.ReconnectRequest", description: "Moving.", clientid: ID, tcUrl: "rtmp://b/live"}`,
		`0 onStatus 0 null {level: "status", code: "NetConnection.Connect.ReconnectRequest", description: "The server asks the client to connect anew.", clientid: ID}`,
	)
}
