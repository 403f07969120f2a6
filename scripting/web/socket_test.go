package web_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"afterglow/scripting/web"
)

// listen starts a server on loopback that hands out its connections.
func listen(t *testing.T) (port string, conns chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns = make(chan net.Conn, 10)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), conns
}

const socketHandlers = `
	s.onConnect = function (ok) { say("connected", ok, this === s); };
	s.onXML = function (doc) { say("xml", doc, doc.status, doc instanceof XML); };
	s.onClose = function () { say("closed"); };
`

func TestAnXMLSocketFramesDocumentsWithZeroBytes(t *testing.T) {
	port, conns := listen(t)
	w := newWorld(t, web.Options{})
	w.run(`var s = new XMLSocket();`+socketHandlers+`say(s.connect("127.0.0.1", %s), s.send("early"), s.maxUnprocessedChars);`, port)
	w.hears("true false 4096", "connected true true")
	conn := <-conns
	defer conn.Close()
	_, _ = io.WriteString(conn, "<a/>\x00<b>")
	w.hears("xml <a /> 0 true")
	_, _ = io.WriteString(conn, "ü</b>\x00<c\x00")
	w.hears("xml <b>ü</b> 0 true", "xml  -6 true")
	w.says(`say(s.send(new XML("<d/>")), s.send(5))`, "true true")
	r := bufio.NewReader(conn)
	for _, want := range []string{"<d />\x00", "5\x00"} {
		if got, _ := r.ReadString(0); got != want {
			t.Errorf("%q instead of %q", got, want)
		}
	}
	w.run(`s.onData = function (text) { say("data", text); }`)
	_, _ = io.WriteString(conn, "raw\x00\x00")
	w.hears("data raw", "data ")
	conn.Close()
	w.hears("closed")
	w.says(`say(s.send("late"), s.close())`, "false false")
}

func TestCloseEndsTheConnectionWithoutAWord(t *testing.T) {
	port, conns := listen(t)
	w := newWorld(t, web.Options{})
	w.run(`var s = new XMLSocket();`+socketHandlers+`s.connect("127.0.0.1", %s);`, port)
	w.hears("connected true true")
	conn := <-conns
	defer conn.Close()
	w.says(`say(s.close(), s.close())`, "true false")
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Error("the far end still has a connection:", err)
	}
	w.run(`s.connect("127.0.0.1", %s)`, port)
	w.hears("connected true true")
	(<-conns).Close()
	w.hears("closed")
}

func TestNothingArrivesOnceAHandlerHasClosed(t *testing.T) {
	port, conns := listen(t)
	w := newWorld(t, web.Options{})
	w.run(`
		var s = new XMLSocket();
		s.onConnect = function () { say("connected"); };
		s.onData = function (text) { say("data", text); this.close(); };
		s.connect("127.0.0.1", %s);
	`, port)
	w.hears("connected")
	conn := <-conns
	defer conn.Close()
	_, _ = io.WriteString(conn, "one\x00two\x00")
	w.hears("data one")
	w.says(`say("nothing more")`, "nothing more")
}

func TestXMLStreamsCutFirstLevelElements(t *testing.T) {
	port, conns := listen(t)
	w := newWorld(t, web.Options{})
	w.run(`var s = new XMLStreams();`+socketHandlers+`s.connect("127.0.0.1", %s);`, port)
	w.hears("connected true true")
	conn := <-conns
	defer conn.Close()
	_, _ = io.WriteString(conn, "<?xml version='1.0'?><stream:stream id='1'>\n<presence/><message>")
	w.hears("xml <presence /> 0 true")
	_, _ = io.WriteString(conn, "<body>hi</body></message></stream:stream>")
	w.hears("xml <message><body>hi</body></message> 0 true")
	w.run(`s.send("<presence/>"); s.send("!")`)
	b := make([]byte, 12)
	if _, _ = io.ReadFull(conn, b); string(b) != "<presence/>!" {
		t.Errorf("%q", b)
	}
}

func TestAFarEndThatNeverEndsADocumentIsLeft(t *testing.T) {
	port, conns := listen(t)
	w := newWorld(t, web.Options{MaxUnprocessedChars: 100})
	for _, class := range []string{"XMLSocket", "XMLStreams"} {
		w.run(`var s = new %s();`+socketHandlers+`s.maxUnprocessedChars = 1000; say(s.maxUnprocessedChars); s.maxUnprocessedChars = 50; s.connect("127.0.0.1", %s);`, class, port)
		w.hears("100", "connected true true")
		conn := <-conns
		_, _ = io.WriteString(conn, "<a><b>"+strings.Repeat("x", 51))
		w.hears("closed")
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("the connection is still open")
		}
		conn.Close()
	}
	if !w.warned("more than 50 bytes") {
		t.Error("no warning")
	}
}

func TestAFarEndThatDoesNotReadIsLeft(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	w := newWorld(t, web.Options{Dial: func(context.Context, string, string) (io.ReadWriteCloser, error) { return near, nil }})
	w.run(`var s = new XMLSocket();` + socketHandlers + `s.connect("host", 1);`)
	w.hears("connected true true")
	w.run(`
		var text = "0123456789abcdef";
		while (text.length < 200000) text += text;
		for (var n = 0; n < 20 && s.send(text); n++);
		say(n < 20, s.send("x"));
	`)
	w.hears("true false", "closed")
}

func TestSocketsThatCannotConnectSaySo(t *testing.T) {
	w := newWorld(t, web.Options{MaxSockets: 2, Dial: func(ctx context.Context, _, address string) (io.ReadWriteCloser, error) {
		if address == "slow:1" {
			<-ctx.Done()
		}
		return nil, errors.New("no route to " + address)
	}})
	w.run(`var s = new XMLSocket();` + socketHandlers + `say(s.connect("::1", 1));`)
	w.hears("true", "connected false true")
	if !w.warned("no route to [::1]:1") {
		t.Error("no warning")
	}
	for _, arguments := range []string{``, `"host"`, `"host", 0`, `"host", 65536`, `"host", 1.5`, `"host", "x"`, `"a b", 1`, `"user@host", 1`, `"host:1/", 1`} {
		w.says(`say(s.connect(`+arguments+`))`, "false")
	}
	w.says(`
		var a = new XMLSocket(), b = new XMLSocket(), c = new XMLSocket();
		say(a.connect("slow", 1), b.connect("slow", 1), c.connect("slow", 1));
		a.close();
		say(c.connect("slow", 1));
	`, "true true false", "true")
}
