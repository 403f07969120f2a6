package netconn

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"testing/synctest"

	"afterglow/amf"
	"afterglow/media"
)

// fakeRelay keeps what is forwarded.
type fakeRelay struct {
	to        *Relayed
	forwarded []Message
	full      bool
	closed    int
}

func (r *fakeRelay) Start(to *Relayed) { r.to = to }

func (r *fakeRelay) Forward(m Message) bool {
	r.forwarded = append(r.forwarded, m)
	return !r.full
}

func (r *fakeRelay) Moved(Far) {}

func (r *fakeRelay) Close() { r.closed++ }

// handOver makes a connection whose client is handed over, has been accepted and has the stream 1.
func handOver(t testing.TB) (*Conn, *fakeTransport, *fakeRelay) {
	t.Helper()
	c, f, h := newFake(Config{WaitingBytes: 1000})
	r := new(fakeRelay)
	h.connect = func(reply *Reply[ConnectAnswer]) { reply.Give(ConnectAnswer{Relay: r}) }
	c.Receive(connectMessage(t))
	r.to.Deliver(cmd(t, 0, "_result", 1, nil, string(ConnectSuccess)))
	r.create(t, c)
	f.names(t)
	r.forwarded = nil
	return c, f, r
}

// create has the client make the stream 1.
func (r *fakeRelay) create(t testing.TB, c *Conn) {
	c.Receive(cmd(t, 0, "createStream", 2, nil))
	r.to.Deliver(cmd(t, 0, "_result", 2, nil, 1.0))
}

func picture(bytes int) Message {
	return Message{Type: TypeVideo, StreamID: 1, Payload: append([]byte{0x17, 1, 0, 0, 0}, make([]byte, bytes)...)}
}

func TestHandedOverClientIsForwardedAsItCame(t *testing.T) {
	c, f, r := handOver(t)
	sent := []Message{
		cmd(t, 0, "echo", 3, nil, amf.NewObject()), picture(10), cmd(t, 1, "play", 0, nil, "x"), cmd(t, 0, "deleteStream", 0, nil, 1.0),
		userControl(eventSetBufferLength, 1), {Type: TypeSharedObjectAMF0, Payload: []byte("whatever")},
	}
	for _, m := range sent {
		c.Receive(m)
	}
	if !slices.EqualFunc(r.forwarded, sent, func(a, b Message) bool {
		return a.Type == b.Type && a.StreamID == b.StreamID && a.Timestamp == b.Timestamp && string(a.Payload) == string(b.Payload)
	}) {
		t.Errorf("forwarded %v", r.forwarded)
	}
	sameNames(t, f)
	c.Closed(errCut)
	if r.closed != 1 {
		t.Errorf("closed %d times", r.closed)
	}
}

func TestHandedOverClientWaitsForTheRelay(t *testing.T) {
	c, f, r := handOver(t)
	r.full = true
	c.Receive(cmd(t, 0, "first", 0, nil))
	r.full = false
	more := true
	for range 20 {
		more = c.Receive(cmd(t, 0, "next", 0, nil))
	}
	if more || len(r.forwarded) != 1 {
		t.Errorf("%d messages are forwarded, more %v", len(r.forwarded), more)
	}
	r.to.Resume()
	if len(r.forwarded) != 21 || f.resumes() != 1 {
		t.Errorf("%d messages are forwarded, resumed %d times", len(r.forwarded), f.resumes())
	}
	c.Closed(errCut)
}

func TestMediaOfOthersWaitsForTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f, r := handOver(t)
		delivered := 0
		deliver := func(n int) {
			for range n {
				r.to.Deliver(picture(50_000))
				delivered++
			}
		}
		go deliver(10)
		synctest.Wait()
		if delivered != 3 { // the third exceeds the limit
			t.Errorf("%d pictures were taken at once", delivered)
		}
		if out := f.pull(); len(out) < 3 {
			t.Errorf("only %d pictures are there", len(out))
		}
		synctest.Wait()
		if delivered < 6 {
			t.Errorf("%d pictures were taken after a pull", delivered)
		}
		c.Closed(errCut)
		synctest.Wait()
		if delivered != 10 {
			t.Errorf("who delivers waits for a client that has gone: %d", delivered)
		}
	})
}

func TestWhatComesForADeletedStreamIsDropped(t *testing.T) {
	c, f, r := handOver(t)
	r.to.Deliver(picture(10))
	c.Receive(cmd(t, 0, "deleteStream", 0, nil, 1.0))
	r.to.Deliver(picture(10))
	r.to.Deliver(cmd(t, 1, "onStatus", 0, nil, Status{Code: PlayStop}.object("")))
	r.to.Deliver(userControl(eventStreamEOF, 1))
	if out := f.pull(); len(out) > 0 || len(f.sources) > 0 {
		t.Errorf("pulled %v, %d sources", out, len(f.sources))
	}
	sameNames(t, f)
	r.create(t, c)
	r.to.Deliver(picture(10))
	if out := f.pull(); len(out) != 1 {
		t.Errorf("pulled %v from the new stream", out)
	}
	c.Closed(errCut)
	if len(f.sources) > 0 {
		t.Error("the transport goes on pulling")
	}
}

func TestStatusesKeepTheirPlaceAmongMedia(t *testing.T) {
	c, f, r := handOver(t)
	status := func(code Code) { r.to.Deliver(cmd(t, 1, "onStatus", 0, nil, Status{Code: code}.object(""))) }
	status(PlayStart)
	sameNames(t, f, "onStatus "+string(PlayStart))
	r.to.Deliver(picture(10))
	status(PlayUnpublishNotify)
	r.to.Deliver(picture(10))
	status(PlayStop)
	out := f.pull()
	if len(out) != 4 || out[0].Packet == nil || out[0].Packet.Kind != media.KindVideo || out[1].Message == nil || !out[1].InPlace || out[2].Packet == nil ||
		out[3].Message == nil || out[3].InPlace {
		t.Errorf("pulled %+v", out)
	}
	c.Closed(errCut)
}

func TestLargeMessagesAreForPublishersThatAreHandedOver(t *testing.T) {
	c, f, r := handOver(t)
	told := func(code Code) {
		r.to.Deliver(cmd(t, 1, "onStatus", 0, nil, Status{Code: code}.filled().object("")))
	}
	check := func(when string, want bool) {
		t.Helper()
		if f.publish != want {
			t.Errorf("%s: %v", when, f.publish)
		}
	}
	publish := func() { c.Receive(cmd(t, 1, "publish", 0, nil, "x")) }
	publish()
	check("asked", true)
	told(PublishBadName)
	check("refused", false)
	publish()
	told(PublishStart)
	check("started", true)
	told(UnpublishSuccess)
	check("stopped", false)
	publish()
	c.Receive(cmd(t, 0, "deleteStream", 0, nil, 1.0))
	check("deleted", false)
	publish()
	check("without a stream", false)
	c.Closed(errCut)
}

func TestHeadOfACommandIsReadOrDecoded(t *testing.T) {
	object := amf.NewObject(amf.Property{Name: "a", Value: 1.0})
	plain := cmd(t, 0, "name", 7, object)
	extended, err := commandMessage(AMF3, 0, "name", 7, object)
	if err != nil {
		t.Fatal(err)
	}
	odd := Message{Type: TypeCommandAMF0, Payload: []byte{12, 0, 0, 0, 4, 'n', 'a', 'm', 'e', 0}} // a long string
	odd.Payload = binary.BigEndian.AppendUint64(odd.Payload, math.Float64bits(7))
	for _, m := range []Message{plain, extended, odd} {
		name, transaction, err := commandHead(m)
		if name != "name" || transaction != 7 || err != nil {
			t.Errorf("%x: %q %v %v", m.Payload, name, transaction, err)
		}
	}
	for _, b := range [][]byte{nil, {2}, {2, 0, 4, 'n'}, {5}} {
		if name, _, err := commandHead(Message{Type: TypeCommandAMF0, Payload: b}); err == nil {
			t.Errorf("%x is the command %q", b, name)
		}
	}
}

// FuzzRelayed brings arbitrary messages from either side: nothing panics, and nothing is kept for streams that are not there.
func FuzzRelayed(f *testing.F) {
	pack := func(up byte, m Message) []byte {
		b := []byte{up, m.Type, byte(m.StreamID)}
		b = binary.BigEndian.AppendUint16(b, uint16(len(m.Payload)))
		return append(b, m.Payload...)
	}
	f.Add(slices.Concat(pack(1, cmd(f, 0, "createStream", 3, nil)), pack(0, cmd(f, 0, "_result", 3, nil, 2.0)), pack(0, picture(10)),
		pack(1, cmd(f, 0, "deleteStream", 0, nil, 2.0)), pack(0, userControl(eventStreamEOF, 1)), pack(1, cmd(f, 1, "play", 0, nil, "x?videoLifetime=1"))))
	f.Add(slices.Concat(pack(1, cmd(f, 1, "publish", 0, nil, "x")), pack(0, cmd(f, 1, "onStatus", 0, nil, Status{Code: PublishStart}.object(""))),
		pack(1, cmd(f, 0, "setPeerInfo", 0, nil, "1.2.3.4:5"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, transport, r := handOver(t)
		for len(b) >= 5 {
			m := Message{Type: b[1], StreamID: uint32(b[2])}
			n := min(int(binary.BigEndian.Uint16(b[3:])), len(b)-5)
			m.Payload = b[5 : 5+n : 5+n]
			if b[0]&1 != 0 {
				c.Receive(m)
			} else {
				r.to.Deliver(m)
			}
			b = b[5+n:]
			transport.pull()
		}
		if len(transport.sources) > len(r.to.streams) {
			t.Errorf("%d sources of %d streams", len(transport.sources), len(r.to.streams))
		}
		c.Closed(errCut)
		if len(transport.sources) > 0 {
			t.Errorf("%d sources are left", len(transport.sources))
		}
	})
}
