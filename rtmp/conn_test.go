package rtmp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// talk is a connection whose reader runs, and the raw far end.
func talk(t *testing.T) (c *Conn, far *Conn, raw net.Conn, ended <-chan error) {
	t.Helper()
	a, b := tcpPair(t)
	c = newConn(a, Limits{}, 0)
	far = newConn(b, Limits{}, 0)
	_ = b.SetReadDeadline(time.Now().Add(20 * time.Second))
	done := make(chan error, 1)
	go func() {
		for {
			if _, err := c.ReadMessage(); err != nil {
				done <- err
				return
			}
		}
	}()
	t.Cleanup(func() {
		c.Close()
		far.Close()
	})
	return c, far, b, done
}

// control reads the next message of any type.
func nextOfAny(t *testing.T, c *Conn) Message {
	t.Helper()
	m, err := c.chunks.next()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPingIsAnswered(t *testing.T) {
	_, far, _, _ := talk(t)
	if err := far.Send(UserControl{Event: EventPingRequest, Value: 4711}.Message()); err != nil {
		t.Fatal(err)
	}
	if got, want := flatten(nextOfAny(t, far)), flatten(UserControl{Event: EventPingResponse, Value: 4711}.Message()); got != want {
		t.Errorf("got %+v", got)
	}
}

func TestWindowIsAcknowledged(t *testing.T) {
	_, far, raw, _ := talk(t)
	if err := far.Send(WindowSize(1000)); err != nil { // 16 bytes
		t.Fatal(err)
	}
	// Each message is 100 bytes with its header.
	for range 30 {
		if _, err := raw.Write(AppendChunks(nil, ptr(data(88)), ChunkStreamData, DefaultChunkSize)); err != nil {
			t.Fatal(err)
		}
	}
	last := uint32(0)
	for last < 2016 {
		m := nextOfAny(t, far)
		v, err := control(m.Payload)
		if m.Type != TypeAcknowledgement || err != nil || v < last+1000 {
			t.Fatalf("%+v after %d", m, last)
		}
		last = v
	}
}

// A far end that keeps to its window waits for the acknowledgement before it sends the rest of a message.
func TestAcknowledgementComesInMidMessage(t *testing.T) {
	c, far, raw, _ := talk(t)
	if err := far.Send(WindowSize(10_000), SetChunkSize(1<<20)); err != nil {
		t.Fatal(err)
	}
	big := AppendChunks(nil, ptr(data(50_000)), ChunkStreamData, 1<<20)
	if _, err := raw.Write(big[:20_000]); err != nil {
		t.Fatal(err)
	}
	if m := nextOfAny(t, far); m.Type != TypeAcknowledgement {
		t.Fatalf("type %d", m.Type)
	}
	if c.BytesReceived() < 10_000 {
		t.Errorf("%d bytes counted", c.BytesReceived())
	}
}

func TestPeerBandwidthIsAnsweredOnce(t *testing.T) {
	_, far, _, _ := talk(t)
	if err := far.Send(PeerBandwidth(2500000, LimitDynamic), PeerBandwidth(2500000, LimitHard), PeerBandwidth(5000, LimitSoft),
		UserControl{Event: EventPingRequest}.Message()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []Message{WindowSize(2500000), WindowSize(5000), UserControl{Event: EventPingResponse}.Message()} {
		if got := nextOfAny(t, far); flatten(got) != flatten(want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestPeerBandwidthOfTheWindowSentIsNotAnswered(t *testing.T) {
	c, far, _, _ := talk(t)
	if err := c.Send(WindowSize(2500000)); err != nil {
		t.Fatal(err)
	}
	nextOfAny(t, far)
	if err := far.Send(PeerBandwidth(2500000, LimitDynamic), UserControl{Event: EventPingRequest}.Message()); err != nil {
		t.Fatal(err)
	}
	if m := nextOfAny(t, far); m.Type != TypeUserControl {
		t.Errorf("type %d", m.Type)
	}
}

func TestSetMessageLimit(t *testing.T) {
	near, far := net.Pipe()
	c := newConn(near, Limits{MessageSize: 100}, 0)
	f := newConn(far, Limits{}, 0)
	defer c.Close()
	defer f.Close()
	_ = f.Send(data(100), data(3<<20), data(3<<20))
	if _, err := c.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	c.SetMessageLimit(0)
	if m, err := c.ReadMessage(); err != nil || len(m.Payload) != 3<<20 {
		t.Fatalf("with the default: %v", err)
	}
	c.SetMessageLimit(1 << 20)
	if _, err := c.ReadMessage(); !errors.Is(err, ErrLimit) {
		t.Fatalf("over the limit: %v", err)
	}
}

func TestCloseEndsReading(t *testing.T) {
	c, _, _, ended := talk(t)
	c.Close()
	if err := c.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) || !IsDisconnect(err) {
		t.Errorf("got %v", err)
	}
}

func TestIsDisconnect(t *testing.T) {
	for _, err := range []error{io.EOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if !IsDisconnect(fmt.Errorf("reading: %w", err)) {
			t.Errorf("%v is none", err)
		}
	}
	for _, err := range []error{nil, io.ErrUnexpectedEOF, ErrProtocol, ErrSlow} {
		if IsDisconnect(err) {
			t.Errorf("%v is one", err)
		}
	}
}

func TestConnTellsItsAddresses(t *testing.T) {
	c, far, raw, _ := talk(t)
	if c.RemoteAddr().String() != far.LocalAddr().String() || c.LocalAddr().String() != raw.RemoteAddr().String() {
		t.Errorf("%v to %v", c.LocalAddr(), c.RemoteAddr())
	}
	if far.NetConn() != raw {
		t.Error("NetConn is another")
	}
	if _, ok := c.TLS(); ok {
		t.Error("TLS on a plain connection")
	}
}
