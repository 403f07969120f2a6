package trace

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// pipe is a source for frames that a test sends.
type pipe chan Frame

func (p pipe) Next() (Frame, error) {
	f, ok := <-p
	if !ok {
		return Frame{}, io.EOF
	}
	return f, nil
}

func TestFollowTakesKeysThatAreLoggedLater(t *testing.T) {
	capture, key := recorded(t)
	path := filepath.Join(t.TempDir(), "keys.log")
	source, ticks := make(pipe), make(chan time.Time)
	var out bytes.Buffer
	tracer := New(&out, Options{Hold: time.Minute})
	done := make(chan error)
	go func() { done <- tracer.Follow(t.Context(), source, []*KeyFile{NewKeyFile(path)}, ticks) }()
	all := frames(t, capture)
	for _, f := range all[:10] {
		source <- f
	}
	ticks <- all[9].At // the file does not exist yet
	for i, part := range []string{"another line\n" + key[:40], key[40:], "\n"} {
		appendTo(t, path, part)
		ticks <- all[9].At.Add(time.Duration(i))
	}
	for _, f := range all[10:] {
		source <- f
	}
	close(source)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	tracer.Finish()
	if got := out.String(); strings.Count(got, "connect#1") != 1 || strings.Contains(got, "bytes, no key") {
		t.Errorf("got\n%s", got)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// file is a source of frames that are all there.
type file []Frame

func (f *file) Next() (Frame, error) {
	if len(*f) == 0 {
		return Frame{}, io.EOF
	}
	next := (*f)[0]
	*f = (*f)[1:]
	return next, nil
}

func TestFollowTakesAllThatIsThereAtTheEnd(t *testing.T) {
	capture, key := recorded(t)
	path := filepath.Join(t.TempDir(), "keys.log")
	for range 20 {
		source := file(frames(t, capture))
		var out bytes.Buffer
		tracer := New(&out, Options{Hold: time.Minute})
		if err := tracer.Follow(t.Context(), &source, []*KeyFile{NewKeyFile(path)}, nil); err != nil {
			t.Fatal(err)
		}
		if tracer.Finish(); !strings.Contains(out.String(), "24 datagrams") {
			t.Fatalf("got\n%s", out.String())
		}
	}
	source := make(pipe)
	var out bytes.Buffer
	tracer := New(&out, Options{Hold: time.Minute})
	done := make(chan error)
	ticks := make(chan time.Time)
	go func() { done <- tracer.Follow(t.Context(), source, []*KeyFile{NewKeyFile(path)}, ticks) }()
	ticks <- time.Time{}
	appendTo(t, path, key+"\n")
	for _, f := range frames(t, capture) {
		source <- f
	}
	close(source)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if tracer.Finish(); !strings.Contains(out.String(), "20 decoded") {
		t.Errorf("got\n%s", out.String())
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	source := make(pipe)
	defer close(source)
	done := make(chan error)
	go func() { done <- New(io.Discard, Options{}).Follow(ctx, source, nil, nil) }()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestKeyFileThatBeginsAnewIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.log")
	file := NewKeyFile(path)
	var got []string
	poll := func() {
		if err := file.Poll(func(line string) { got = append(got, line) }); err != nil {
			t.Fatal(err)
		}
	}
	poll()
	appendTo(t, path, "one\ntwo\nthree is "+strings.Repeat("long", maxKeyLine))
	poll()
	appendTo(t, path, "\nfour\n")
	poll()
	write(t, path, []byte("five\n"))
	poll()
	appendTo(t, path, "six")
	poll()
	file.End(func(line string) { got = append(got, line) })
	if fmt.Sprint(got) != "[one two four five six]" {
		t.Errorf("%q", got)
	}
}

func TestLiveCapture(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) { captureLive(t, address) })
	}
}

// captureLive captures a session on the loopback interface, where that is permitted.
func captureLive(t *testing.T, address string) {
	live, err := OpenLive("lo")
	if err != nil {
		t.Skip(err)
	}
	defer live.Close()
	keys := make(chan string, 1)
	client := listen(t, address, flash.IdentityConfig{}, func(line string) { keys <- line })
	server := listen(t, address, flash.IdentityConfig{AcceptsAncillary: true}, nil)
	session := must(client.Dial(t.Context(), rtmfp.DialConfig{
		Addresses: server.Addrs(), Discriminator: flash.URI("rtmfp://localhost/live"), Handler: rtmfp.SessionFuncs{},
	}))
	session.Do(func() {
		flow := must(session.OpenFlow(rtmfp.FlowConfig{Metadata: tc(0)}))
		flow.Send(rtmfp.Outgoing{Body: command("connect", 1.0)})
	})
	var out bytes.Buffer
	tracer := New(&out, Options{Ports: []uint16{server.Addrs()[0].Port()}})
	tracer.KeyLine(<-keys)
	for !strings.Contains(out.String(), "flow 2: has all up to #1") {
		frame, err := live.Next()
		if err != nil {
			t.Fatal(err)
		}
		tracer.Frame(frame)
		tracer.Flush()
	}
	if got := out.String(); !strings.Contains(got, "connect#1()") || strings.Contains(got, "there before") {
		t.Errorf("got\n%s", got)
	}
}

// listen makes an endpoint that takes all flows, if it can be found by a URI.
func listen(t *testing.T, address string, identity flash.IdentityConfig, keyLog func(string)) *rtmfp.Endpoint {
	config := rtmfp.Config{Crypto: flash.Profile{}, Addresses: []string{address}, Identity: must(flash.NewIdentity(identity))}
	config.KeyLog = keyLog
	if identity.AcceptsAncillary {
		config.Listener.Accept = func(*rtmfp.Session) rtmfp.SessionHandler {
			return rtmfp.SessionFuncs{OnFlow: func(*rtmfp.ReceiveFlow) rtmfp.FlowHandler { return rtmfp.FlowFuncs{} }}
		}
	}
	e, err := rtmfp.Listen(t.Context(), config)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func TestNoInterfaceOfThatName(t *testing.T) {
	if _, err := OpenLive("nonesuch"); err == nil {
		t.Error("captures on nothing")
	}
}
