package netconn

import (
	"io"
	"slices"
	"sync"
	"testing"

	"afterglow/amf"
	"afterglow/streams"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeTransport remembers what it is told, and pulls nothing by itself.
type fakeTransport struct {
	mu      sync.Mutex
	sent    []Message
	sources map[uint32]Source
	resumed int
	closed  error
	publish bool
	pulled  func() // told of Pull
}

type fakeHandle struct{}

func (fakeHandle) Abandon()        {}
func (fakeHandle) Delivered() bool { return true }

func (f *fakeTransport) Send(m Message, _ Treatment) Handle {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, m)
	return fakeHandle{}
}

func (f *fakeTransport) Barrier(uint32) {}

func (f *fakeTransport) StreamOpened(uint32) {}
func (f *fakeTransport) StreamClosed(uint32) {}

func (f *fakeTransport) Accepted() {}
func (f *fakeTransport) Far() Far  { return Far{} }

func (f *fakeTransport) Pull() {
	if f.pulled != nil {
		f.pulled()
	}
}

func (f *fakeTransport) Heard() (uint64, bool) { return 0, true }

func (f *fakeTransport) Publishing(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.publish = on
}

func (f *fakeTransport) Resume() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.resumed++
}

func (f *fakeTransport) resumes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.resumed
}

func (f *fakeTransport) CloseAfterFlush(reason error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed == nil {
		f.closed = reason
	}
}

func (f *fakeTransport) Attach(id uint32, s Source, _ Delivery) Waker {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sources == nil {
		f.sources = make(map[uint32]Source)
	}
	f.sources[id] = s
	return fakeWaker{}
}

func (f *fakeTransport) Detach(id uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sources, id)
}

type fakeWaker struct{}

func (fakeWaker) Wake() {}

// names are the commands that were sent, and the codes of statuses.
func (f *fakeTransport) names(t testing.TB) []string {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, m := range f.sent {
		if m.Type != TypeCommandAMF0 && m.Type != TypeCommandAMF3 {
			continue
		}
		cmd, err := parseCommand(m)
		if err != nil {
			t.Fatal(err)
		}
		name := cmd.name
		if s := parseStatus(cmd.arg(0)); s.Code != "" {
			name += " " + string(s.Code)
		}
		out = append(out, name)
	}
	f.sent = nil
	return out
}

// pull empties the sources.
func (f *fakeTransport) pull() (out []Out) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sources {
		for {
			o, ok := s.Next(1 << 20)
			if !ok {
				break
			}
			out = append(out, o)
		}
	}
	return out
}

// openHandler permits everything, at once or when the test says so.
type openHandler struct {
	hub     *streams.Hub
	connect func(*Reply[ConnectAnswer])
	publish func(*Reply[PublishAnswer])
	shared  func(*Conn, *SharedObjectMessage)
	told    func(PublishRequest)
	events  []string
	gone    int
}

func (h *openHandler) Connect(_ *Conn, _ ConnectRequest, reply *Reply[ConnectAnswer]) {
	if h.connect != nil {
		h.connect(reply)
		return
	}
	reply.Give(ConnectAnswer{Rights: AllRights})
}

func (h *openHandler) Publish(c *Conn, r PublishRequest, reply *Reply[PublishAnswer]) {
	if h.publish != nil {
		h.publish(reply)
		return
	}
	p, err := h.hub.Publish(r.Name, streams.Claim{Owner: c, Evicted: r.Stream.Evict})
	reply.Give(PublishAnswer{Publisher: p, Err: err})
}

func (h *openHandler) Play(_ *Conn, r PlayRequest, reply *Reply[PlayAnswer]) {
	reply.Give(PlayAnswer{Subscriber: h.hub.Subscribe(r.Name, streams.SubscribeOptions{})})
}

func (h *openHandler) Call(_ *Conn, r CallRequest, reply *Reply[CallAnswer]) {
	if r.Method == "echo" {
		reply.Give(CallAnswer{Value: amf.NewArray(r.Args...)})
		return
	}
	reply.Give(CallAnswer{Err: ErrNoMethod})
}

func (h *openHandler) Introduce(_ IntroduceRequest, reply *Reply[IntroduceAnswer]) {
	reply.Give(IntroduceAnswer{})
}

func (h *openHandler) Moved(*Conn, Far) {}

func (h *openHandler) SharedObject(c *Conn, m *SharedObjectMessage) {
	if h.shared != nil {
		h.shared(c, m)
	}
}

func (h *openHandler) Published(_ *Conn, r PublishRequest) {
	h.events = append(h.events, "published "+r.Name)
	if h.told != nil {
		h.told(r)
	}
}

func (h *openHandler) Unpublished(_ *Conn, name string) {
	h.events = append(h.events, "unpublished "+name)
}

func (h *openHandler) Refused(*Conn, Status) {}

func (h *openHandler) Disconnected(*Conn, error) { h.gone++ }

func newFake(config Config) (*Conn, *fakeTransport, *openHandler) {
	f := new(fakeTransport)
	h := &openHandler{hub: streams.NewHub(streams.Config{})}
	return NewConn(f, h, config), f, h
}

// cmd is a command message in AMF0.
func cmd(t testing.TB, streamID uint32, name string, transaction float64, values ...amf.Value) Message {
	t.Helper()
	m, err := commandMessage(AMF0, streamID, name, transaction, values...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func connectMessage(t testing.TB) Message {
	return cmd(t, 0, "connect", 1, amf.NewObject(amf.Property{Name: "app", Value: "live"}))
}

func sameNames(t *testing.T, f *fakeTransport, want ...string) {
	t.Helper()
	if got := f.names(t); !slices.Equal(got, want) {
		t.Fatalf("sent %v, want %v", got, want)
	}
}

var errCut = io.ErrUnexpectedEOF
