package appload

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"afterglow/apps"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is an application whose only method is the one that Calls calls.
type echo struct{ apps.Live }

func (echo) Call(_ *apps.Client, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
	if r.Method != "echo" {
		reply.Give(netconn.CallAnswer{Err: netconn.ErrNoMethod})
		return
	}
	reply.Give(netconn.CallAnswer{Value: r.Args[0]})
}

// serve returns the URL of the application.
func serve(t *testing.T) string {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	server := apps.NewServer(apps.Options{Log: quiet})
	server.Register("echo", echo{})
	front := overrtmp.NewServer(server, overrtmp.Config{}, quiet)
	door := &rtmp.Server{Handler: front}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = door.Serve(l)
	}()
	t.Cleanup(func() {
		_ = door.Close()
		front.Wait()
		<-ended
	})
	return "rtmp://" + l.Addr().String() + "/echo"
}

func TestEveryChangeIsSeenByEverybodyElse(t *testing.T) {
	o := ObjectOptions{Options: Options{URL: serve(t), Duration: 500 * time.Millisecond}, Clients: 5, Rate: 100, Properties: 3, Name: "bench"}
	r, err := Objects(t.Context(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	const underWay = 50 // at either end
	if r.Done < 5 || r.Expected != 4*r.Done || r.Seen+underWay < r.Expected || r.Seen > r.Expected+underWay || r.P50 <= 0 || r.P99 < r.P50 {
		t.Errorf("%+v", r)
	}
}

func TestCallsAreCountedAndTimed(t *testing.T) {
	o := CallOptions{Options: Options{URL: serve(t), Duration: 300 * time.Millisecond}, Clients: 3, Method: "echo"}
	r, err := Calls(t.Context(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if r.Done == 0 || r.Seen == 0 || r.P50 <= 0 {
		t.Errorf("%+v", r)
	}
	var table bytes.Buffer
	if err := r.WriteTable(&table); err != nil || !strings.Contains(table.String(), "calls/s") {
		t.Errorf("%v: %s", err, table.String())
	}
	o.Method = "missing"
	if _, err := Calls(t.Context(), o, io.Discard); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a method that is not there: %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{URL: "rtmp://127.0.0.1:1/x", Duration: time.Second}
	for name, o := range map[string]ObjectOptions{
		"no clients":       {Options: good, Rate: 1, Properties: 1},
		"too many clients": {Options: good, Clients: 20001, Rate: 1, Properties: 1},
		"no rate":          {Options: good, Clients: 1, Properties: 1},
		"no properties":    {Options: good, Clients: 1, Rate: 1},
		"no time":          {Clients: 1, Rate: 1, Properties: 1},
	} {
		if err := o.check(); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
