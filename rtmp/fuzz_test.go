package rtmp

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// FuzzReadMessage reads arbitrary bytes behind the handshake. What is held must have been paid for in bytes.
func FuzzReadMessage(f *testing.F) {
	for _, tt := range readerCases {
		f.Add(tt.bytes(f))
	}
	f.Add(claims(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := newConn(&scriptConn{Reader: bytes.NewReader(data)}, Limits{}, 0)
		defer c.Close()
		up := 0
		for {
			m, err := c.ReadMessage()
			if err != nil {
				break
			}
			up += len(m.Payload)
			checkMemory(t, c.chunks, len(data))
		}
		checkMemory(t, c.chunks, len(data))
		if up > len(data) {
			t.Errorf("%d bytes made %d bytes of messages", len(data), up)
		}
		if got := c.BytesReceived(); got > uint64(len(data)) {
			t.Errorf("%d bytes received out of %d", got, len(data))
		}
	})
}

func checkMemory(t *testing.T, r *chunkReader, input int) {
	t.Helper()
	held, reserved := 0, 0
	each := func(cs *chunkStream) {
		if cs != nil {
			held += len(cs.payload)
			reserved += cap(cs.payload)
		}
	}
	for _, cs := range r.low {
		each(cs)
	}
	for _, cs := range r.high {
		each(cs)
	}
	if held != r.held || reserved != r.reserved {
		t.Fatalf("held %d, counted %d; reserved %d, counted %d", held, r.held, reserved, r.reserved)
	}
	if held > input || reserved > 2*input+readAhead {
		t.Fatalf("%d bytes reserved for %d of %d", reserved, held, input)
	}
	if r.count > r.limits.ChunkStreams {
		t.Fatalf("%d chunk streams", r.count)
	}
}

// FuzzSplitAggregate splits arbitrary bytes, and joins and splits what came out.
func FuzzSplitAggregate(f *testing.F) {
	f.Add(uint32(1000), JoinAggregate([]Message{{Type: TypeAudio, Payload: []byte{1}}, {Type: TypeVideo, Timestamp: 20}}).Payload)
	f.Add(uint32(0xffffffff), unhex(f, `08 000001 ffffff ff ffffff aa 0000000c 09 000000 000000 00 000000`))
	f.Add(uint32(0), unhex(f, `08 ffffff 000000 00 000000`))
	f.Fuzz(func(t *testing.T, timestamp uint32, payload []byte) {
		got, err := SplitAggregate(Message{Type: TypeAggregate, Timestamp: timestamp, StreamID: 5, Payload: payload})
		if err != nil && !errors.Is(err, ErrShortMessage) {
			t.Fatal(err)
		}
		total := 0
		for _, m := range got {
			total += len(m.Payload) + aggregateHeader
			if m.StreamID != 5 || m.Type == TypeAggregate {
				t.Fatalf("%+v", m)
			}
		}
		if total > len(payload) {
			t.Fatalf("%d bytes out of %d", total, len(payload))
		}
		if len(got) == 0 {
			return
		}
		again, err := SplitAggregate(JoinAggregate(got))
		if err != nil || len(again) != len(got) {
			t.Fatalf("%d of %d messages, %v", len(again), len(got), err)
		}
		for i := range got {
			if flatten(again[i]) != flatten(got[i]) {
				t.Fatalf("message %d: %+v, %+v", i, again[i], got[i])
			}
		}
	})
}

// FuzzParseUserControl decodes arbitrary bytes; what decodes is encoded to the same fields.
func FuzzParseUserControl(f *testing.F) {
	for _, tt := range userControlCases {
		f.Add(unhex(f, tt.hex))
	}
	f.Add(unhex(f, "ffff 01"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		u, err := ParseUserControl(payload)
		if err != nil {
			if !errors.Is(err, ErrShortMessage) {
				t.Fatal(err)
			}
			return
		}
		again, err := ParseUserControl(u.Message().Payload)
		if err != nil || again.Event != u.Event || again.Value != u.Value || again.Buffer != u.Buffer {
			t.Fatalf("%+v became %+v, %v", u, again, err)
		}
	})
}

// FuzzServerHandshake lets arbitrary bytes knock.
func FuzzServerHandshake(f *testing.F) {
	for _, name := range []string{"c0c1-ffmpeg.hex", "c0c1-rtmpdump.hex", "c0c1-rtmpdump-swf.hex"} {
		f.Add(append(golden(f, name), make([]byte, handshakeSize)...))
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte{6})
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		_, err := serverHandshake(&inbuf{src: bytes.NewReader(data)}, &out)
		switch {
		case err == nil:
			if len(data) < 1+2*handshakeSize {
				t.Fatalf("%d bytes were enough", len(data))
			}
		case !errors.Is(err, ErrProtocol) && !errors.Is(err, io.ErrUnexpectedEOF):
			t.Fatal(err)
		}
		if answered := out.Len() > 0; answered != (len(data) >= 1+handshakeSize && data[0] == handshakeVersion) {
			t.Fatalf("%d bytes in, %d out", len(data), out.Len())
		}
	})
}

// FuzzParseURL parses arbitrary text; what parses names a host with a port, and its tcUrl parses again.
func FuzzParseURL(f *testing.F) {
	for _, raw := range []string{
		"rtmp://h/live/cam?key=1", "rtmps://[::1]:1/a/b/c#d", "rtmp://a:b@h/x", "rtmp://h", "http://h", "rtmp://h/%zz", "rtmp://h:/?#",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := ParseURL(raw)
		if err != nil {
			return
		}
		if u.Scheme != "rtmp" && u.Scheme != "rtmps" || u.Host == "" {
			t.Fatalf("%+v", *u)
		}
		again, err := ParseURL(u.TCURL)
		if err != nil {
			t.Fatalf("tcUrl of %+v: %v", *u, err)
		}
		if again.Host != u.Host {
			t.Fatalf("%+v leads to %+v", *u, *again)
		}
	})
}
