package netconntest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"afterglow/amf"
	"afterglow/netconn"
)

func init() {
	add("SharedObjectsAreFollowed", objectsFollowed)
	add("SharedObjectsSpeakTheEncodingOfTheConnection", objectsOfAMF3)
	add("FollowersSeeTheSame", followersSeeTheSame)
	add("PersistentObjectsAreOthers", persistentObjects)
	add("SharedObjectsResume", objectsResume)
	add("SharedObjectsAreRefused", objectsRefused)
	add("LargeValuesAreShared", largeValues)
	add("SharedObjectsEndWithTheConnection", objectsEnd)
	add("WhatTheApplicationSaysKeepsItsOrder", applicationsOrder)
	add("WhatIsSaidTooEarlyWaits", saidTooEarly)
}

// object sends a shared object message.
func (p *Peer) object(name string, version uint32, events ...netconn.SharedObjectEvent) {
	p.t.Helper()
	m := netconn.SharedObjectMessage{Name: name, Version: version, Events: events}
	for _, m := range netconn.NewSharedObjectUpdate(m).Messages(p.encoding) {
		p.Send(m)
	}
}

func objectsFollowed(t *testing.T, h Harness) {
	room := NewRoom()
	newBoard(room)
	s := h.Serve(t, room, Options{})
	a, b := Connected(t, s), Connected(t, s)
	a.object("x", 0, netconn.SharedObjectEvent{Type: netconn.SOUse})
	a.Expect("0 object x@0, use success, clear")
	a.object("x", 0,
		netconn.SharedObjectEvent{Type: netconn.SORequestChange, Name: "k", Value: amf.NewObject(amf.Property{Name: "p", Value: 1.0})},
		netconn.SharedObjectEvent{Type: netconn.SORequestChange, Name: "l", Value: "v"},
	)
	a.Expect("0 object x@1, success k", "0 object x@2, success l")
	b.object("x", 0, netconn.SharedObjectEvent{Type: netconn.SOUse})
	b.Expect(`0 object x@2, use success, clear, change k {p: 1}, change l "v"`)
	b.object("x", 2, netconn.SharedObjectEvent{Type: netconn.SORequestRemove, Name: "k"},
		netconn.SharedObjectEvent{Type: netconn.SOSend, Name: "shout", Args: []amf.Value{1.0, nil}})
	b.Expect("0 object x@3, remove k", "0 object x@3, send shout [1, null]")
	a.Expect("0 object x@3, remove k", "0 object x@3, send shout [1, null]")
	a.object("x", 3, netconn.SharedObjectEvent{Type: netconn.SORelease})
	a.ExpectNothing()
	b.object("x", 3, netconn.SharedObjectEvent{Type: netconn.SORequestChange, Name: "k", Value: true})
	b.Expect("0 object x@4, success k")
	a.ExpectNothing()
	b.ExpectNothing()
}

func objectsOfAMF3(t *testing.T, h Harness) {
	room := NewRoom()
	newBoard(room)
	s := h.Serve(t, room, Options{})
	old := Connected(t, s)
	p := Connected(t, s, amf.Property{Name: "objectEncoding", Value: 3.0})
	for _, peer := range []*Peer{old, p} {
		peer.object("x", 0, netconn.SharedObjectEvent{Type: netconn.SOUse})
		peer.Expect(peer.amf3("0 object x@0, use success, clear"))
	}
	p.object("x", 0, netconn.SharedObjectEvent{Type: netconn.SORequestChange, Name: "k", Value: amf.NewArray(1.0)},
		netconn.SharedObjectEvent{Type: netconn.SORequestChange, Name: "b", Value: &amf.ByteArray{Bytes: []byte{1}}})
	p.Expect("amf3 0 object x@1, success k", "amf3 0 object x@2, success b")
	old.Expect("0 object x@1, change k [1]", "0 object x@2, change b undefined")
	// The encoding is the connection's, whatever one message of the client is in.
	p.encoding = netconn.AMF0
	p.object("y", 0, netconn.SharedObjectEvent{Type: netconn.SOUse})
	p.Expect("amf3 0 object y@0, use success, clear")
}

// follower writes down what an object of a client tells.
type follower struct {
	*netconn.RemoteSharedObject
	told chan string
}

func follow(t *testing.T, c *netconn.Client, name string, o netconn.SharedObjectOptions) *follower {
	t.Helper()
	f := &follower{told: make(chan string, 1000)}
	o.Sync = func(changes []netconn.SyncChange) {
		for _, c := range changes {
			f.told <- strings.TrimSpace(fmt.Sprintf("%s %s", c.Code, c.Name))
		}
	}
	o.Message = func(handler string, args []amf.Value) { f.told <- handler + amf.Format(amf.NewArray(args...)) }
	o.Status = func(s netconn.Status) { f.told <- string(s.Code) + " " + s.Level }
	r, err := c.SharedObject(name, o)
	if err != nil {
		t.Fatal(err)
	}
	f.RemoteSharedObject = r
	return f
}

// hears says what comes next.
func (f *follower) hears(t *testing.T, want ...string) {
	t.Helper()
	for _, line := range want {
		if got := Await(t, line, f.told); got != line {
			t.Fatalf("%s was told %q, want %q", f.Name(), got, line)
		}
	}
}

func (f *follower) shows(t *testing.T, want string) {
	t.Helper()
	o := amf.NewObject()
	all := f.Snapshot()
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range all {
			if !yield(name) {
				return
			}
		}
	}) {
		o.Set(name, all[name])
	}
	if got := amf.Format(o); got != want {
		t.Errorf("%s is %s, want %s", f.Name(), got, want)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func followersSeeTheSame(t *testing.T, h Harness) {
	room := NewRoom()
	newBoard(room)
	s := h.Serve(t, room, Options{})
	one := follow(t, dial(t, s, netconn.ConnectOptions{App: "live", Encoding: netconn.AMF3}), "x", netconn.SharedObjectOptions{})
	must(t, one.Wait(soon(t)))
	one.hears(t, "clear")
	must(t, one.Set("k", 1.0), one.Set("l", "v"))
	one.shows(t, `{k: 1, l: "v"}`) // at once
	one.hears(t, "success k", "success l")
	two := follow(t, dial(t, s, netconn.ConnectOptions{App: "live"}), "x", netconn.SharedObjectOptions{})
	two.hears(t, "clear", "change k", "change l")
	two.shows(t, `{k: 1, l: "v"}`)
	must(t, two.Set("k", 2.0), two.Delete("l"), two.Send("shout", 1.0, "a"))
	two.hears(t, "success k", "delete l", `shout[1, "a"]`)
	one.hears(t, "change k", "delete l", `shout[1, "a"]`)
	for _, f := range []*follower{one, two} {
		f.shows(t, "{k: 2}")
		if v, ok := f.Get("k"); v != 2.0 || !ok || f.Version() != 4 {
			t.Errorf("k is %v in version %d", v, f.Version())
		}
	}
	must(t, one.Close(), two.Set("k", 3.0))
	two.hears(t, "success k")
	one.shows(t, "{k: 2}")
	if err := one.Set("k", 4.0); !errors.Is(err, netconn.ErrDisconnected) {
		t.Errorf("setting a property of a closed object: %v", err)
	}
}

func persistentObjects(t *testing.T, h Harness) {
	room := NewRoom()
	newBoard(room)
	s := h.Serve(t, room, Options{})
	c := dial(t, s, netconn.ConnectOptions{App: "live"})
	brief := follow(t, c, "x", netconn.SharedObjectOptions{})
	lasting := follow(t, c, "x", netconn.SharedObjectOptions{Persistent: true})
	must(t, brief.Set("k", 1.0), lasting.Set("k", 2.0))
	brief.hears(t, "clear", "success k")
	lasting.hears(t, "clear", "success k")
	brief.shows(t, "{k: 1}")
	lasting.shows(t, "{k: 2}")
	if _, err := c.SharedObject("x", netconn.SharedObjectOptions{}); !errors.Is(err, netconn.ErrSharedObjectOpen) {
		t.Errorf("following an object twice: %v", err)
	}
	must(t, brief.Close())
	again := follow(t, c, "x", netconn.SharedObjectOptions{})
	again.hears(t, "clear", "change k")
	must(t, lasting.Set("k", 3.0))
	lasting.hears(t, "success k")
	again.shows(t, "{k: 1}")
}

func objectsResume(t *testing.T, h Harness) {
	room := NewRoom()
	b := newBoard(room)
	s := h.Serve(t, room, Options{})
	before := dial(t, s, netconn.ConnectOptions{App: "live"})
	old := follow(t, before, "x", netconn.SharedObjectOptions{Persistent: true})
	must(t, old.Set("k", 1.0), old.Set("l", 2.0))
	old.hears(t, "clear", "success k", "success l")
	before.Close()
	<-before.Done()
	c := dial(t, s, netconn.ConnectOptions{App: "live"})
	now := follow(t, c, "x", netconn.SharedObjectOptions{Persistent: true, Resume: old.RemoteSharedObject})
	must(t, now.Wait(soon(t)))
	now.shows(t, "{k: 1, l: 2}") // nobody has sent that again
	must(t, now.Set("k", 3.0))
	now.hears(t, "success k")
	b.mu.Lock()
	defer b.mu.Unlock()
	want := []string{"x@0 persistent, use", "x@0 persistent, request k 1", "x@0 persistent, request l 2", "x@2 persistent, use", "x@2 persistent, request k 3"}
	for i, line := range b.heard {
		if i == 1 || i == 2 { // what the client knows then depends on how fast the server is
			line = "x@0" + line[strings.Index(line, " "):]
		}
		if line != want[i] {
			t.Errorf("the server heard %q, want %q", line, want[i])
		}
	}
}

func objectsRefused(t *testing.T, h Harness) {
	room := NewRoom()
	room.Shares = func(c *netconn.Conn, m *netconn.SharedObjectMessage) {
		var events []netconn.SharedObjectEvent
		for _, e := range m.Events {
			switch {
			case e.Type == netconn.SOUse && m.Name == "secret":
				events = append(events, netconn.SharedObjectEvent{Type: netconn.SOStatus, Name: string(netconn.SharedObjectNoReadAccess), Level: netconn.LevelError})
			case e.Type == netconn.SOUse:
				events = append(events, netconn.SharedObjectEvent{Type: netconn.SOUseSuccess}, netconn.SharedObjectEvent{Type: netconn.SOChange, Name: "k", Value: 1.0})
			default:
				events = append(events, netconn.SharedObjectEvent{Type: netconn.SOStatus, Name: string(netconn.SharedObjectNoWriteAccess), Level: netconn.LevelError})
			}
		}
		c.SendSharedObject(netconn.NewSharedObjectUpdate(netconn.SharedObjectMessage{Name: m.Name, Version: 1, Events: events}))
	}
	c := dial(t, h.Serve(t, room, Options{}), netconn.ConnectOptions{App: "live"})
	secret := follow(t, c, "secret", netconn.SharedObjectOptions{})
	var st netconn.Status
	if err := secret.Wait(soon(t)); !errors.As(err, &st) || st.Code != netconn.SharedObjectNoReadAccess {
		t.Errorf("a secret object: %v", err)
	}
	secret.hears(t, "SharedObject.NoReadAccess error")
	notice := follow(t, c, "notice", netconn.SharedObjectOptions{})
	notice.hears(t, "change k")
	must(t, notice.Set("k", 2.0))
	notice.hears(t, "reject k", "SharedObject.NoWriteAccess error")
	notice.shows(t, "{k: 1}")
}

func largeValues(t *testing.T, h Harness) {
	room := NewRoom()
	newBoard(room)
	s := h.Serve(t, room, Options{})
	one := follow(t, dial(t, s, netconn.ConnectOptions{App: "live"}), "x", netconn.SharedObjectOptions{})
	two := follow(t, dial(t, s, netconn.ConnectOptions{App: "live"}), "x", netconn.SharedObjectOptions{})
	one.hears(t, "clear")
	two.hears(t, "clear")
	for _, name := range []string{"a", "b", "c"} {
		must(t, one.Set(name, strings.Repeat(name, 350_000)))
		one.hears(t, "success "+name)
		two.hears(t, "change "+name)
		if v, _ := two.Get(name); v != strings.Repeat(name, 350_000) {
			t.Errorf("%s does not arrive whole", name)
		}
	}
	// All of it is more than one message.
	three := follow(t, dial(t, s, netconn.ConnectOptions{App: "live"}), "x", netconn.SharedObjectOptions{})
	three.hears(t, "clear", "change a", "change b", "change c")
}

func objectsEnd(t *testing.T, h Harness) {
	room := NewRoom()
	newBoard(room)
	s := h.Serve(t, room, Options{})
	c := dial(t, s, netconn.ConnectOptions{App: "live"})
	x := follow(t, c, "x", netconn.SharedObjectOptions{})
	must(t, x.Wait(soon(t)))
	Await(t, "client", room.Came).Disconnect(netconn.Status{Code: netconn.ConnectAppShutdown})
	<-c.Done()
	var st netconn.Status
	if err := x.Set("k", 1.0); !errors.As(err, &st) || st.Code != netconn.ConnectAppShutdown {
		t.Errorf("setting a property after the end: %v", err)
	}
	if _, err := c.SharedObject("y", netconn.SharedObjectOptions{}); !errors.Is(err, netconn.ErrDisconnected) {
		t.Errorf("following an object after the end: %v", err)
	}
}

// say says a number in every way that there is.
func say(c *netconn.Conn, i int) {
	_ = c.Call("call", nil, float64(i))
	c.Notify(netconn.Status{Code: netconn.Code(fmt.Sprintf("Notice.%d", i)), Level: netconn.LevelStatus, Description: "d"})
	c.SendSharedObject(netconn.NewSharedObjectUpdate(netconn.SharedObjectMessage{
		Name: "x", Version: uint32(i), Events: []netconn.SharedObjectEvent{{Type: netconn.SOClear}},
	}))
}

func said(i int) []string {
	return []string{
		fmt.Sprintf("0 call 0 null %d", i),
		fmt.Sprintf(`0 onStatus 0 null {level: "status", code: "Notice.%d", description: "d", clientid: ID}`, i),
		fmt.Sprintf("0 object x@%d, clear", i),
	}
}

func applicationsOrder(t *testing.T, h Harness) {
	room := NewRoom()
	pending := make(chan *netconn.Reply[netconn.CallAnswer], 1)
	room.Calls = func(_ *netconn.Conn, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
		if r.Method == "ask" {
			pending <- reply
			return
		}
		reply.Give(netconn.CallAnswer{Value: amf.Undefined}) // keeps the reader busy
	}
	p := Connected(t, h.Serve(t, room, Options{}))
	c := Await(t, "client", room.Came)
	p.Call("ask")
	reply := Await(t, "question", pending)
	for range 100 {
		p.Command(0, "noise", 0, nil)
	}
	for i := range 20 {
		say(c, i)
	}
	reply.Give(netconn.CallAnswer{Value: "answer"})
	say(c, 20)
	c.Disconnect(netconn.Status{Code: netconn.ConnectAppShutdown})
	for i := range 20 {
		p.Expect(said(i)...)
	}
	p.Expect(`0 _result 2 null "answer"`)
	p.Expect(said(20)...)
	p.Expect(status(0, "error", netconn.ConnectAppShutdown, "The application is shutting down.", ""))
	p.ExpectEnd()
}

func saidTooEarly(t *testing.T, h Harness) {
	room := NewRoom()
	type question struct {
		c     *netconn.Conn
		reply *netconn.Reply[netconn.ConnectAnswer]
	}
	asked := make(chan question, 1)
	room.Connects = func(c *netconn.Conn, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
		say(c, 0)
		asked <- question{c, reply}
	}
	s := h.Serve(t, room, Options{})
	p := NewPeer(t, s)
	p.Connect()
	q := Await(t, "question", asked)
	say(q.c, 1)
	answered := make(chan netconn.Result, 1)
	must(t, q.c.Call("ask", func(r netconn.Result) { answered <- r }))
	q.reply.Give(room.Accept())
	say(q.c, 2)
	p.Until("0 _result 1 ")
	p.Expect(p.manner.After...)
	p.Expect(said(0)...)
	p.Expect(said(1)...)
	p.Expect("0 ask 1 null")
	p.Expect(said(2)...)
	p.Command(0, "_result", 1, nil, true)
	if r := Await(t, "answer", answered); r.Value != true {
		t.Errorf("answered %+v", r)
	}

	p = NewPeer(t, s)
	p.Connect()
	q = Await(t, "question", asked)
	must(t, q.c.Call("ask", func(r netconn.Result) { answered <- r }))
	q.reply.Give(netconn.ConnectAnswer{Err: errors.New("no")})
	p.Expect(`0 _error 1 null {level: "error", code: "NetConnection.Connect.Rejected", description: "no"}`, "0 close 0 null")
	p.ExpectEnd()
	if r := Await(t, "answer", answered); !errors.Is(r.Err, netconn.ErrDisconnected) {
		t.Errorf("answered %+v", r)
	}
}
