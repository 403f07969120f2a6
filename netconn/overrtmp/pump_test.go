package overrtmp

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/rtmp"
	"afterglow/streams"
)

func newRegistry() *registry {
	return &registry{classes: make(map[classKey]*class), forms: make(map[formKey]*formKey), pumps: make(map[pumpKey][]*pump)}
}

func TestViewersAreSharedOutOverPumps(t *testing.T) {
	r, pc := newRegistry(), newPace()
	var running sync.WaitGroup
	key := pumpKey{feed: "x"}
	processors := runtime.GOMAXPROCS(0)
	pumps := make(map[*session]*pump)
	count := make(map[*pump]int)
	for range viewersPerPump*processors + 100 {
		s := new(session)
		p := r.join(key, s, pc, &running)
		pumps[s] = p
		count[p]++
	}
	if len(count) != processors {
		t.Errorf("%d pumps for %d processors", len(count), processors)
	}
	for _, n := range count {
		if n < viewersPerPump || n > len(pumps)/processors+1 {
			t.Errorf("a pump has %d of %d viewers", n, len(pumps))
		}
	}
	if other := r.join(pumpKey{feed: "y"}, new(session), pc, &running); count[other] > 0 {
		t.Error("two feeds share a pump")
	} else {
		r.leave(other, (*other.viewers.Load())[0])
	}
	for s, p := range pumps {
		r.leave(p, s)
		for _, left := range *p.viewers.Load() {
			if left == s {
				t.Fatal("a viewer that left is still written to")
			}
		}
	}
	if len(r.pumps) > 0 {
		t.Errorf("%d feeds without viewers have pumps", len(r.pumps))
	}
	running.Wait() // every pump ends
}

func TestFeedWakesAPumpThatHasEnded(t *testing.T) {
	r, pc := newRegistry(), newPace()
	var running sync.WaitGroup
	s := new(session)
	p := r.join(pumpKey{feed: "x"}, s, pc, &running)
	r.leave(p, s)
	running.Wait()
	p.Wake() // a publisher that has not learnt of it yet
	p.Wake()
}

func TestRoundUnderWayIsNotDisturbed(t *testing.T) {
	r, pc := newRegistry(), newPace()
	var running sync.WaitGroup
	key := pumpKey{feed: "x"}
	var all []*session
	for range 10 {
		all = append(all, new(session))
		r.join(key, all[len(all)-1], pc, &running)
	}
	p := r.pumps[key][0]
	before := *p.viewers.Load()
	held := bytes.Repeat([]byte{0}, len(before))
	r.leave(p, all[0])
	r.leave(p, all[5])
	more := new(session)
	r.join(key, more, pc, &running)
	for i, s := range before {
		if s != all[i] {
			t.Fatalf("viewer %d changed under a round (%d)", i, len(held))
		}
	}
	for _, s := range append(append(all[1:5:5], all[6:]...), more) {
		r.leave(p, s)
	}
	running.Wait()
}

func TestChunksAreMadeOnceForEachClass(t *testing.T) {
	r := newRegistry()
	packet := media.NewPacket(media.KindVideo, 40, netconntest.Body(300, 0x17, 1, 0, 0, 0))
	key := classKey{"x", 1, 128}
	a, b := r.class(key), r.class(key)
	first := a.wire(packet)
	if second := b.wire(packet); a != b || &first[0] != &second[0] {
		t.Error("two viewers of a class get different memory")
	}
	m := rtmp.Message{Type: rtmp.TypeVideo, Timestamp: 40, StreamID: 1, Payload: packet.Payload}
	if want := rtmp.AppendChunks(nil, &m, rtmp.ChunkStreamVideo, 128); !bytes.Equal(first, want) {
		t.Errorf("chunks % X, want % X", first, want)
	}
	for _, other := range []classKey{{"x", 2, 128}, {"x", 1, 4096}} {
		if c := r.class(other); &c.wire(packet)[0] == &first[0] {
			t.Errorf("%v shares the chunks of %v", other, key)
		}
	}
	r.releaseClass(a)
	r.releaseClass(b)
	if _, left := r.classes[key]; left {
		t.Error("a class outlives its viewers")
	}
	// A viewer that comes and goes has nothing made anew that the packet would keep.
	if again := r.class(key).wire(packet); &again[0] != &first[0] {
		t.Error("chunks are made again for a class that comes again")
	}
}

func TestChunksLieSideBySide(t *testing.T) {
	c := newClass(1, 4096)
	var g rtmp.Gather
	size := 0
	for i := range 10 {
		b := c.wire(media.NewPacket(media.KindAudio, uint32(i), netconntest.Body(100, 0xAF, 1)))
		g.Add(b)
		size += len(b)
	}
	large := c.wire(media.NewPacket(media.KindVideo, 0, netconntest.Body(3*blockSize, 0x17, 1, 0, 0, 0)))
	if g.Size() != size || len(large) < 3*blockSize {
		t.Errorf("gathered %d bytes of %d", g.Size(), size)
	}
}

func TestAClassServesManyAtOnce(t *testing.T) {
	c := newClass(1, 128)
	packets := netconntest.Broadcast(0, 50)
	var all sync.WaitGroup
	got := make([][]byte, 8)
	for i := range got {
		all.Go(func() {
			for _, p := range packets {
				got[i] = append(got[i], c.wire(p)...)
			}
		})
	}
	all.Wait()
	for i := range got {
		if !bytes.Equal(got[i], got[0]) {
			t.Errorf("viewer %d got other bytes", i)
		}
	}
}

// audience is a server with viewers of one stream, whose sockets are emptied all the time.
func audience(t *testing.T, viewers int) (*Server, *streams.Publisher) {
	t.Helper()
	room := netconntest.NewRoom()
	front := NewServer(room, Config{}, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &rtmp.Server{Handler: front}
	var running sync.WaitGroup
	running.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() {
		_ = srv.Close()
		running.Wait()
	})
	pub, err := room.Hub.Publish("x", streams.Claim{})
	if err != nil {
		t.Fatal(err)
	}
	for range viewers {
		c, err := rtmp.Dial(t.Context(), "rtmp://"+l.Addr().String()+"/live")
		if err != nil {
			t.Fatal(err)
		}
		command := func(stream uint32, values ...amf.Value) {
			payload, _ := amf.Append0(nil, values...)
			if err := c.Send(rtmp.Message{Type: rtmp.TypeCommandAMF0, StreamID: stream, Payload: payload}); err != nil {
				t.Fatal(err)
			}
		}
		command(0, "connect", 1.0, amf.NewObject(amf.Property{Name: "app", Value: "live"}))
		command(0, "createStream", 2.0, nil)
		command(1, "play", 0.0, nil, "x")
		for {
			m, err := c.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			if m.Type == rtmp.TypeDataAMF0 {
				break
			}
		}
		running.Go(func() {
			buffer := make([]byte, 64<<10)
			for {
				if _, err := c.NetConn().Read(buffer); err != nil {
					return
				}
			}
		})
		t.Cleanup(func() { _ = c.Close() })
	}
	deadline := time.Now().Add(20 * time.Second)
	for room.Hub.Stats().Subscribers.Load() < int64(viewers) {
		if time.Now().After(deadline) {
			t.Fatal("the viewers do not come")
		}
		runtime.Gosched()
	}
	return front, pub
}

func TestRoundAllocatesNothingForEachViewer(t *testing.T) {
	cost := func(viewers int) float64 {
		front, pub := audience(t, viewers)
		body := netconntest.Body(1000, 0xAF, 1)
		var gather rtmp.Gather
		front.registry.mu.Lock()
		var pumps []*pump
		for _, p := range front.registry.pumps {
			pumps = append(pumps, p...)
		}
		front.registry.mu.Unlock()
		at := uint32(0)
		return testing.AllocsPerRun(300, func() {
			at += 20
			if err := pub.Write(media.NewPacket(media.KindAudio, at, body)); err != nil {
				t.Fatal(err)
			}
			for _, p := range pumps {
				p.round(&gather)
			}
		})
	}
	few, many := cost(4), cost(44)
	// What a packet costs once is the same for both.
	if more := many - few; more > 4 {
		t.Errorf("%.1f allocations a packet for 4 viewers, %.1f for 44", few, many)
	}
}

func TestAddressesOfProxiesAreNoLoopback(t *testing.T) {
	for _, test := range []struct {
		name string
		nc   net.Conn
		want bool
	}{
		{"loopback", addrConn{addr: "127.0.0.1:5"}, true},
		{"loopback 6", addrConn{addr: "[::1]:5"}, true},
		{"mapped", addrConn{addr: "[::ffff:127.0.0.1]:5"}, true},
		{"elsewhere", addrConn{addr: "192.0.2.1:5"}, false},
		{"no address", addrConn{addr: "pipe"}, false},
		{"through a proxy", proxyConn{addrConn{addr: "127.0.0.1:5"}, true}, false},
		{"past the proxy", proxyConn{addrConn{addr: "127.0.0.1:5"}, false}, true},
		{"through a proxy beneath", outerConn{proxyConn{addrConn{addr: "127.0.0.1:5"}, true}}, false},
		{"past the proxy beneath", outerConn{proxyConn{addrConn{addr: "127.0.0.1:5"}, false}}, true},
	} {
		near, far := net.Pipe()
		go func() {
			c, err := new(rtmp.Dialer).NewConn(t.Context(), near)
			if err == nil {
				_, _ = c.ReadMessage()
			}
		}()
		done := make(chan netconn.Far, 1)
		srv := &rtmp.Server{Handler: rtmp.HandlerFunc(func(c *rtmp.Conn) { done <- farOf(c) })}
		l := &oneListener{conn: withConn(test.nc, far), end: make(chan struct{})}
		var running sync.WaitGroup
		running.Go(func() { _ = srv.Serve(l) })
		if got := <-done; got.Loopback != test.want || got.Address != test.nc.RemoteAddr().String() {
			t.Errorf("%s: %+v", test.name, got)
		}
		_ = near.Close()
		_ = srv.Close()
		running.Wait()
	}
}

type addrConn struct {
	net.Conn
	addr string
}

type textAddr string

func (textAddr) Network() string  { return "tcp" }
func (a textAddr) String() string { return string(a) }

func (a addrConn) RemoteAddr() net.Addr { return textAddr(a.addr) }

type proxyConn struct {
	addrConn
	proxied bool
}

func (p proxyConn) Proxied() bool { return p.proxied }

type outerConn struct{ proxyConn }

func (o outerConn) NetConn() net.Conn { return o.proxyConn }

// Proxied is hidden: what is outside knows nothing of proxies.
func (o outerConn) Proxied(struct{}) {}

// withConn puts a connection beneath the layers of another.
func withConn(layers, beneath net.Conn) net.Conn {
	switch l := layers.(type) {
	case addrConn:
		l.Conn = beneath
		return l
	case proxyConn:
		l.Conn = beneath
		return l
	case outerConn:
		l.Conn = beneath
		return l
	}
	return beneath
}

// oneListener accepts one connection.
type oneListener struct {
	once sync.Once
	conn net.Conn
	end  chan struct{}
}

func (l *oneListener) Accept() (c net.Conn, err error) {
	l.once.Do(func() { c = l.conn })
	if c == nil {
		<-l.end
		return nil, io.EOF
	}
	return c, nil
}

func (l *oneListener) Close() error {
	select {
	case <-l.end:
	default:
		close(l.end)
	}
	return nil
}

func (l *oneListener) Addr() net.Addr { return textAddr("one") }
