package web_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"afterglow/amf"
	"afterglow/scripting/web"
)

// gateway answers each envelope with one made of headers and bodies, and keeps what it was sent.
type gateway struct {
	urls    chan string
	sent    chan []byte
	headers []gatewayItem
	answers []gatewayItem
	status  int
	raw     []byte
}

type gatewayItem struct {
	name  string
	value amf.Value
}

func newGateway() *gateway {
	return &gateway{urls: make(chan string, 10), sent: make(chan []byte, 10)}
}

// ServeHTTP answers.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.urls <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type")
	g.sent <- body
	if g.status != 0 {
		w.WriteHeader(g.status)
	}
	if g.raw != nil {
		_, _ = w.Write(g.raw)
		return
	}
	b := []byte{0, 0}
	for i, list := range [][]gatewayItem{g.headers, g.answers} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(list)))
		for _, item := range list {
			b = binary.BigEndian.AppendUint16(b, uint16(len(item.name)))
			b = append(b, item.name...)
			b = append(b, [][]byte{{0}, {0, 0}}[i]...)
			v, _ := amf.Append0(nil, item.value)
			b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
			b = append(b, v...)
		}
	}
	_, _ = w.Write(b)
}

// ask calls a method from the engine's goroutine, and says what comes back.
func (w *world) ask(r *web.Remoting, method string, args ...amf.Value) {
	r.Call(method, func(v amf.Value, err error) {
		var status *web.StatusError
		switch {
		case errors.As(err, &status):
			w.said <- method + " status " + amf.Format(status.Info) + " " + err.Error()
		case err != nil:
			w.said <- method + " failed: " + err.Error()
		default:
			w.said <- method + " " + amf.Format(v)
		}
	}, args...)
}

func TestRemotingCallsServices(t *testing.T) {
	g := newGateway()
	g.answers = []gatewayItem{
		{"/2/onStatus", amf.NewObject(amf.Property{Name: "description", Value: "no such thing"})},
		{"/1/onResult", "one"},
		{"/7/onResult", "for nobody"},
		{"/1/onResult", "again"},
	}
	url := serve(t, g.ServeHTTP)
	w := newWorld(t, web.Options{})
	w.do(func() {
		r := w.classes.Remoting(url + "/gateway")
		r.AddHeader("Credentials", false, "x")
		r.AddHeader("Credentials", false, "y")
		w.ask(r, "a.one", 1)
		w.ask(r, "a.two")
		w.ask(r, "a.three")
	})
	w.hears(`a.two status {description: "no such thing"} no such thing`, `a.one "one"`, "a.three failed: the gateway did not answer the call")
	if got := <-g.urls; got != "POST /gateway application/x-amf" {
		t.Error(got)
	}
	sent := string(<-g.sent)
	if len(g.sent) > 0 || !strings.HasPrefix(sent, "\x00\x00\x00\x01\x00\x0bCredentials\x00\x00\x00\x00\x04\x02\x00\x01y\x00\x03\x00\x05a.one\x00\x02/1") {
		t.Errorf("not one envelope with the header and three calls: %q", sent)
	}
}

func TestGatewaysChangeURLsAndHeaders(t *testing.T) {
	g := newGateway()
	url := serve(t, g.ServeHTTP)
	w := newWorld(t, web.Options{})
	r := w.classes.Remoting(url + "/a")
	for i, c := range []struct {
		header gatewayItem
		want   string // of the next call
	}{
		{gatewayItem{"AppendToGatewayUrl", ";jsessionid=1"}, "/a"},
		{gatewayItem{"ReplaceGatewayUrl", url + "/b"}, "/a;jsessionid=1"},
		{gatewayItem{"ReplaceGatewayUrl", "file:///etc/passwd"}, "/b"},
		{gatewayItem{"RequestPersistentHeader", amf.NewObject(amf.Property{Name: "name", Value: "Kept"}, amf.Property{Name: "data", Value: "value"})}, "/b"},
		{gatewayItem{"Unknown", nil}, "/b"},
	} {
		g.headers = []gatewayItem{c.header}
		g.answers = []gatewayItem{{fmt.Sprintf("/%d/onResult", i+1), nil}}
		w.do(func() { w.ask(r, "a.b") })
		w.hears("a.b null")
		if got := <-g.urls; got != "POST "+c.want+" application/x-amf" {
			t.Errorf("call %d went to %s", i, got)
		}
		if sent, has := string(<-g.sent), i == 4; strings.Contains(sent, "Kept") != has {
			t.Errorf("call %d: %q", i, sent)
		}
	}
}

func TestCallsThatGetNoAnswerFail(t *testing.T) {
	g := newGateway()
	url := serve(t, g.ServeHTTP)
	w := newWorld(t, web.Options{})
	r := w.classes.Remoting(url)
	g.status, g.raw = 500, []byte("oops")
	w.do(func() { w.ask(r, "a.b") })
	w.hears("a.b failed: the server answered with status 500")
	g.status = 0
	w.do(func() { w.ask(r, "a.b") })
	w.hears("a.b failed: the answer is no Flash Remoting envelope")
	w.do(func() { w.ask(r, "a.b", amf.NewObject(amf.Property{Name: "f", Value: func() {}})) })
	w.hears("a.b failed: calling a.b: amf: not an AMF value: func()")
	w.do(func() { w.ask(w.classes.Remoting("gateway.php"), "a.b") })
	w.hears("a.b failed: only absolute URLs that begin with http:// or https:// can be loaded")
	w.do(func() {
		w.ask(r, "a.b")
		r.Close()
		w.ask(r, "a.c")
	})
	w.hears("a.c failed: the connection to the gateway is closed")
}
