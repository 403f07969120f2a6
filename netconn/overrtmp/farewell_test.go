package overrtmp_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
)

// A client that breaks the rules beneath the messages is told why before the connection ends.
func TestChunkStreamViolationIsToldBeforeTheEnd(t *testing.T) {
	s := loopback{}.Serve(t, netconntest.NewRoom(), netconntest.Options{}).(*server)
	c, err := (&rtmp.Dialer{NetDial: s.DialConn}).Dial(t.Context(), "rtmp://localhost/live")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	connect, err := amf.Append0(nil, "connect", 1.0, amf.NewObject(amf.Property{Name: "app", Value: "live"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Send(rtmp.Message{Type: rtmp.TypeCommandAMF0, Payload: connect}); err != nil {
		t.Fatal(err)
	}
	commandNamed(t, c, "_result")
	if err := c.Send(rtmp.Message{Type: rtmp.TypeSetChunkSize, Payload: make([]byte, 4)}); err != nil {
		t.Fatal(err)
	}
	info, _ := commandNamed(t, c, "onStatus")[3].(*amf.Object)
	if info.String("code") != string(netconn.ConnectClosed) || info.String("level") != netconn.LevelError || !strings.Contains(info.String("description"), "chunk size") {
		t.Errorf("told %s", amf.Format(info))
	}
	if _, err := c.ReadMessage(); !errors.Is(err, io.EOF) {
		t.Errorf("after that: %v, want the end", err)
	}
}

// A client that is turned out at once was connected, however quick the server is, and hears why.
func TestClientThatIsTurnedOutAtOnceHearsWhy(t *testing.T) {
	room := netconntest.NewRoom()
	room.Connects = func(c *netconn.Conn, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
		reply.Give(room.Accept())
		c.Disconnect(netconn.Status{Code: netconn.ConnectAppShutdown, Level: netconn.LevelError})
	}
	s := loopback{}.Serve(t, room, netconntest.Options{}).(*server)
	for range 50 {
		var told []netconn.Code
		c, err := overrtmp.Dial(t.Context(), "rtmp://localhost/live", overrtmp.DialOptions{
			Dialer: rtmp.Dialer{NetDial: s.DialConn, Handshake: rtmp.HandshakePlain},
			Events: netconn.ClientEvents{Status: func(st netconn.Status) { told = append(told, st.Code) }},
		})
		if err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		if len(told) != 1 || told[0] != netconn.ConnectAppShutdown {
			t.Fatalf("told %v", told)
		}
		<-room.Gone
	}
}

// commandNamed reads until a command of that name comes.
func commandNamed(t *testing.T, c *rtmp.Conn, name string) []amf.Value {
	t.Helper()
	for {
		m, err := c.ReadMessage()
		if err != nil {
			t.Fatalf("waiting for %s: %v", name, err)
		}
		if m.Type != rtmp.TypeCommandAMF0 {
			continue
		}
		if values, err := amf.Decode0(m.Payload, nil); err == nil && len(values) > 3 && values[0] == name {
			return values
		}
	}
}
