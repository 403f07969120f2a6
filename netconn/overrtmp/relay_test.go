package overrtmp_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmp"
	"afterglow/netconn/overrtmp/overrtmptest"
	"afterglow/rtmp"
)

func TestSuiteForClientsThatAreHandedOver(t *testing.T) {
	netconntest.Run(t, overrtmptest.Relayed{})
}

// accepted is a command that accepts a client.
func accepted(t *testing.T) rtmp.Message {
	t.Helper()
	payload, err := amf.Append0(nil, "_result", 1.0, nil, amf.NewObject(amf.Property{Name: "code", Value: "NetConnection.Connect.Success"}))
	if err != nil {
		t.Fatal(err)
	}
	return rtmp.Message{Type: rtmp.TypeCommandAMF0, Payload: payload}
}

// behind has clients handed over to a process that behaves as the test says once it has accepted one.
func behind(t *testing.T, secret string, serve func(*rtmp.Conn)) netconn.Handler {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rtmp.Server{Handler: rtmp.HandlerFunc(func(c *rtmp.Conn) {
		if _, err := c.ReadMessage(); err == nil {
			_ = c.Send(accepted(t))
			serve(c)
		}
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(overrtmp.RelayListener(l, secret))
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return &toAddress{address: l.Addr().String()}
}

// toAddress hands clients over to a process at an address, with the secret "right".
type toAddress struct {
	netconn.Handler
	address string
}

func (h *toAddress) Connect(c *netconn.Conn, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	connect := *c.ConnectMessage()
	go func() {
		nc, err := net.Dial("tcp", h.address)
		if err != nil {
			reply.Give(netconn.ConnectAnswer{Err: err})
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		relay, err := overrtmp.OpenRelay(ctx, nc, overrtmp.Hello{Secret: "right", Client: c.ID(), Far: c.Far()}, connect, overrtmp.RelayOptions{})
		if err != nil {
			reply.Give(netconn.ConnectAnswer{Err: err})
			return
		}
		reply.Give(netconn.ConnectAnswer{Relay: relay})
	}()
}

func (*toAddress) Disconnected(*netconn.Conn, error) {}

// visit connects a client and returns how its connection ended.
func visit(t *testing.T, h netconn.Handler, during func(*netconn.Client)) error {
	t.Helper()
	s := overrtmptest.Loopback{}.Serve(t, h, netconntest.Options{})
	c, err := s.Dial(t, netconn.ConnectOptions{App: "a"}, netconn.ClientEvents{})
	if err != nil {
		return err
	}
	if during != nil {
		during(c)
	}
	<-c.Done()
	return c.Err()
}

func TestProcessThatDiesIsToldFromOneThatEndsAConnection(t *testing.T) {
	speak := func(c *netconn.Client) { _ = c.Notify("now") }
	err := visit(t, behind(t, "right", func(c *rtmp.Conn) {
		_, _ = c.ReadMessage()
		_ = c.Close()
	}), speak)
	var told netconn.Status
	if !errors.As(err, &told) || told.Code != netconn.ConnectAppShutdown {
		t.Errorf("after a death: %v", err)
	}
	err = visit(t, behind(t, "right", func(c *rtmp.Conn) {
		_, _ = c.ReadMessage()
		_ = c.Send(rtmp.UserControl{Event: 0xFF00}.Message())
		_, _ = c.ReadMessage()
	}), speak)
	if errors.As(err, &told) || err == nil {
		t.Errorf("after a goodbye: %v", err)
	}
}

func TestClientIsNotHandedOverWithoutTheSecret(t *testing.T) {
	err := visit(t, behind(t, "other", func(*rtmp.Conn) { t.Error("the hello was taken") }), nil)
	var told netconn.Status
	if !errors.As(err, &told) || told.Code != netconn.ConnectRejected {
		t.Errorf("got %v", err)
	}
}

func TestClientCannotSpeakForTheServer(t *testing.T) {
	got := make(chan rtmp.Message, 1)
	h := behind(t, "right", func(c *rtmp.Conn) {
		m, _ := c.ReadMessage()
		got <- m
	})
	s := overrtmptest.Loopback{}.Serve(t, h, netconntest.Options{})
	w := s.Open(t)
	connect, err := amf.Append0(nil, "connect", 1.0, amf.NewObject(amf.Property{Name: "app", Value: "a"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []netconn.Message{
		{Type: netconn.TypeCommandAMF0, Payload: connect},
		{Type: netconn.TypeUserControl, Payload: []byte{0xFF, 0, 0, 0, 0, 0}},
		{Type: netconn.TypeUserControl, Payload: []byte{0, 3, 0, 0, 0, 1, 0, 0, 0, 9}},
	} {
		if err := w.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	if m := <-got; m.Type != rtmp.TypeUserControl || m.Payload[0] != 0 || m.Payload[1] != 3 {
		t.Errorf("got %v", m)
	}
}

// A process that reads nothing slows the client down, and forgets nothing of it.
func TestClientWaitsForAProcessThatReadsNothing(t *testing.T) {
	begin, total := make(chan struct{}), make(chan int, 1)
	const messages, size = 100, 100_000
	h := behind(t, "right", func(c *rtmp.Conn) {
		<-begin
		sum := 0
		for range messages {
			m, err := c.ReadMessage()
			if err != nil {
				break
			}
			sum += len(m.Payload)
		}
		total <- sum
	})
	s := overrtmptest.Loopback{}.Serve(t, h, netconntest.Options{NetConn: netconn.Config{WaitingBytes: 1 << 20}})
	w := s.Open(t)
	connect, err := amf.Append0(nil, "connect", 1.0, amf.NewObject(amf.Property{Name: "app", Value: "a"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Send(netconn.Message{Type: netconn.TypeCommandAMF0, Payload: connect}); err != nil {
		t.Fatal(err)
	}
	sent := make(chan struct{}, messages)
	go func() {
		for range messages {
			_ = w.Send(netconn.Message{Type: netconn.TypeSharedObjectAMF0, Payload: make([]byte, size)})
			sent <- struct{}{}
		}
	}()
	<-sent
	close(begin)
	if sum := <-total; sum != messages*size {
		t.Errorf("%d bytes came, %d were sent", sum, messages*size)
	}
}

func TestHandingOverEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			buffer := make([]byte, 4096)
			for {
				if _, err := far.Read(buffer); err != nil {
					return
				}
			}
		}()
		done := make(chan error, 1)
		go func() {
			_, err := overrtmp.OpenRelay(ctx, near, overrtmp.Hello{}, netconn.Message{}, overrtmp.RelayOptions{})
			done <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// wanderer is a handler that notes where a client was and is.
type wanderer struct {
	netconn.Handler
	moved chan [2]netconn.Far
}

func (*wanderer) Connect(_ *netconn.Conn, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	reply.Give(netconn.ConnectAnswer{Rights: netconn.AllRights})
}
func (w *wanderer) Moved(c *netconn.Conn, before netconn.Far) {
	w.moved <- [2]netconn.Far{before, c.Far()}
}
func (*wanderer) Disconnected(*netconn.Conn, error) {}

func TestMoveOfAClientIsToldBehindTheRelay(t *testing.T) {
	w := &wanderer{moved: make(chan [2]netconn.Far, 1)}
	h := overrtmptest.HandOver(t, w, netconntest.Options{})
	conns := make(chan *netconn.Conn, 1)
	s := overrtmptest.Loopback{}.Serve(t, spied{h, conns}, netconntest.Options{})
	c, err := s.Dial(t, netconn.ConnectOptions{App: "a"}, netconn.ClientEvents{})
	if err != nil {
		t.Fatal(err)
	}
	conn := <-conns
	conn.Moved(netconn.Far{Address: "before"})
	got := <-w.moved
	if got[0] != conn.Far() || got[1] != conn.Far() || got[1].Address == "" {
		t.Errorf("told %+v, the client is at %+v", got, conn.Far())
	}
	c.Close()
}

// spied tells of the connections that a handler is asked about.
type spied struct {
	netconn.Handler
	conns chan<- *netconn.Conn
}

func (s spied) Connect(c *netconn.Conn, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	s.conns <- c
	s.Handler.Connect(c, r, reply)
}

func TestPingReachesTheClientItself(t *testing.T) {
	h := behind(t, "right", func(c *rtmp.Conn) {
		_ = c.Send(rtmp.UserControl{Event: rtmp.EventPingRequest, Value: 77}.Message())
		_, _ = c.ReadMessage()
	})
	s := overrtmptest.Loopback{}.Serve(t, h, netconntest.Options{}).(*overrtmptest.Server)
	nc, err := s.DialConn(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := (&rtmp.Dialer{Handshake: rtmp.HandshakePlain}).NewConn(t.Context(), nc)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.PassPings()
	connect, err := amf.Append0(nil, "connect", 1.0, amf.NewObject(amf.Property{Name: "app", Value: "a"}))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Send(rtmp.Message{Type: rtmp.TypeCommandAMF0, Payload: connect})
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		m, err := c.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if u, err := rtmp.ParseUserControl(m.Payload); m.Type == rtmp.TypeUserControl && err == nil && u.Event == rtmp.EventPingRequest {
			if u.Value != 77 {
				t.Errorf("ping %d", u.Value)
			}
			return
		}
	}
}
