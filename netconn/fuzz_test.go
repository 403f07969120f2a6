package netconn

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"afterglow/amf"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzReceive brings arbitrary messages to a connection: nothing panics, little is kept.
func FuzzReceive(f *testing.F) {
	pack := func(messages ...Message) []byte {
		var b []byte
		for _, m := range messages {
			b = append(b, m.Type, byte(m.StreamID))
			b = binary.BigEndian.AppendUint16(b, uint16(len(m.Payload)))
			b = append(b, m.Payload...)
		}
		return b
	}
	connect, create := connectMessage(f), cmd(f, 0, "createStream", 2, nil)
	video := Message{Type: TypeVideo, StreamID: 1, Payload: []byte{0x17, 1, 0, 0, 0, 9}}
	data := func(values ...amf.Value) Message {
		m, _ := dataMessage(1, 0, values...)
		return m
	}
	f.Add(pack(connect, create, cmd(f, 1, "publish", 0, nil, "x", "live"), video, data("@setDataFrame", "onMetaData", 1.0),
		data("@clearDataFrame", "onMetaData"), cmd(f, 1, "closeStream", 0, nil)))
	f.Add(pack(connect, create, cmd(f, 1, "play", 0, nil, "x", -2.0, -1.0), cmd(f, 1, "pause", 0, nil, true), cmd(f, 1, "pause", 0, nil, false),
		cmd(f, 1, "play", 0, nil, "y", 0.0, 0.0, false), cmd(f, 1, "receiveVideo", 0, nil, 0.0), cmd(f, 0, "deleteStream", 0, nil, 1.0)))
	f.Add(pack(video))
	f.Add(pack(connect, cmd(f, 0, "echo", 3, nil, amf.NewObject()), cmd(f, 0, "checkBandwidth", 4, nil), cmd(f, 0, "_result", 1, nil),
		userControl(eventSetBufferLength, 1), cmd(f, 0, "FCPublish", 5, nil, "x"), connect))
	shared := func(version uint32, events ...SharedObjectEvent) Message {
		return NewSharedObjectUpdate(SharedObjectMessage{Name: "x", Version: version, Events: events}).Messages(AMF0)[0]
	}
	f.Add(pack(connect, shared(0, SharedObjectEvent{Type: SOUse}), shared(1, SharedObjectEvent{Type: SORequestChange, Name: "a", Value: 1.0},
		SharedObjectEvent{Type: SOSend, Name: "f", Args: []amf.Value{nil}}), shared(2, SharedObjectEvent{Type: SORelease})))
	extended, _ := commandMessage(AMF3, 0, "connect", 1, amf.NewObject(amf.Property{Name: "objectEncoding", Value: 3.0}, amf.Property{Name: "fourCcList", Value: amf.NewArray("*")}))
	f.Add(pack(extended, create, Message{Type: TypeDataAMF3, StreamID: 1, Payload: []byte{0, 0x11, 6, 3, 'a'}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, transport, h := newFake(Config{WaitingBytes: 4096})
		for len(b) >= 4 {
			m := Message{Type: b[0], StreamID: uint32(b[1]), Timestamp: uint32(b[0]) << 24}
			n := min(int(binary.BigEndian.Uint16(b[2:])), len(b)-4)
			m.Payload = b[4 : 4+n : 4+n]
			b = b[4+n:]
			c.Receive(m)
			transport.pull()
		}
		if n := len(c.streams); n > c.config.Streams {
			t.Errorf("%d streams", n)
		}
		if c.exec.bytes > c.config.WaitingBytes+1<<16 {
			t.Errorf("%d bytes wait", c.exec.bytes)
		}
		c.Closed(errCut)
		// A timer may be running an affair on another goroutine.
		idle := make(chan struct{})
		c.do(func() { close(idle) })
		<-idle
		if n := len(h.hub.Streams()); n > 0 {
			t.Errorf("%d streams outlive their client", n)
		}
		transport.mu.Lock()
		defer transport.mu.Unlock()
		if len(transport.sources) > 0 {
			t.Error("sources outlive their client")
		}
	})
}

// FuzzSharedObjectMessage reads messages about shared objects; what is read is written and read again as it was.
func FuzzSharedObjectMessage(f *testing.F) {
	for _, test := range goldenEvents {
		f.Add(true, octets(f, goldenHead+test.amf0))
		f.Add(false, octets(f, "00"+goldenHead+test.amf3))
	}
	f.Fuzz(func(t *testing.T, zero bool, payload []byte) {
		m := Message{Type: TypeSharedObjectAMF3, Payload: payload}
		if zero {
			m.Type = TypeSharedObjectAMF0
		}
		parsed, err := parseSharedObject(m, clientsSharedObjects)
		if err != nil {
			if !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrLimit) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if len(parsed.Events) > clientsSharedObjects.events {
			t.Errorf("%d events", len(parsed.Events))
		}
		u := NewSharedObjectUpdate(*parsed)
		again := new(SharedObjectMessage)
		for _, part := range u.Messages(AMF3) {
			p, err := ParseSharedObject(part)
			if err != nil {
				t.Fatal(err)
			}
			again.Name, again.Version, again.Persistent = p.Name, p.Version, p.Persistent
			again.Events = append(again.Events, p.Events...)
		}
		if diff := cmp.Diff(parsed, again, sameMessage, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("read again (-first +again):\n%s", diff)
		}
		for _, part := range u.Messages(AMF0) {
			if _, err := ParseSharedObject(part); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzParseCommand reads commands of either encoding; what is read can be written and read again.
func FuzzParseCommand(f *testing.F) {
	f.Add(true, connectMessage(f).Payload)
	extended, _ := commandMessage(AMF3, 0, "f", 1, nil, amf.NewArray(1.0, "x"))
	f.Add(false, extended.Payload)
	f.Add(true, []byte{2, 0, 1, 'f', 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0x7F, 0xFF, 0xFF, 0xFF})
	f.Add(true, []byte{0x0A, 0x7F, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, zero bool, payload []byte) {
		m := Message{Type: TypeCommandAMF3, Payload: payload}
		if zero {
			m.Type = TypeCommandAMF0
		}
		c, err := parseCommand(m)
		if err != nil {
			return
		}
		_, _ = parseConnect(c)
		_ = parseStatus(c.arg(0))
		_, _ = streamID(c.arg(0))
		again, err := commandMessage(AMF3, 0, c.name, c.transaction, append([]amf.Value{c.object}, c.args...)...)
		if err != nil {
			return
		}
		d, err := parseCommand(again)
		if err != nil || d.name != c.name || len(d.args) != len(c.args) {
			t.Errorf("%v: %+v became %+v", err, c, d)
		}
	})
}

// FuzzSplitNames takes names apart: nothing is lost, and no part has what belongs to another.
func FuzzSplitNames(f *testing.F) {
	for _, s := range []string{"live", "live/a/b?x=y?z", "/live/", "?", "", "../x", "mp4:a/b.f4v?k=1", "a//b"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, s, list string) {
		app, instance, query := splitApp(s)
		if strings.ContainsAny(app, "/?") || strings.Contains(instance, "?") || instance == "" || !strings.HasSuffix(s, query) {
			t.Errorf("splitApp(%q) is %q, %q, %q", s, app, instance, query)
		}
		name, query := splitName(s)
		if strings.Contains(name, "?") || !strings.HasPrefix(s, name) || !strings.HasSuffix(s, query) {
			t.Errorf("splitName(%q) is %q, %q", s, name, query)
		}
		if Covers("", name) || !Covers("/", name) {
			t.Errorf("access to %q", name)
		}
		if Covers(list, name) && strings.Trim(list, " ;") == "" {
			t.Errorf("%q covers %q", list, name)
		}
	})
}
