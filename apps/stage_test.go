package apps_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/configs"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/streams"
)

// stage is an application that hands its instances to a test.
type stage struct {
	apps.Live
	mu        sync.Mutex
	instances map[string]*apps.Instance
}

func (s *stage) Start(i *apps.Instance) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instances[i.Own()] = i
	return nil
}

// onStage runs a test with the instance near of an application, which a client keeps.
func onStage(t *testing.T, change func(*configs.Config), run func(t *testing.T, s *scene)) {
	t.Helper()
	within(t, change, func(t *testing.T, h *house) {
		app := &stage{instances: make(map[string]*apps.Instance)}
		h.Register("stage", app)
		s := &scene{t: t, house: h, stage: app}
		s.client = s.enter("near")
		s.near = s.instance("near")
		run(t, s)
	})
}

// scene is what a test of streams has.
type scene struct {
	t      *testing.T
	house  *house
	stage  *stage
	client *netconn.Client
	near   *apps.Instance
	remote *netconn.Client // to the instance far, see enterFar
}

// enterFar connects to the instance far, which it returns, as to another server.
func (s *scene) enterFar() *apps.Instance {
	s.remote = s.enter("far")
	return s.instance("far")
}

// enter connects to an instance of the stage.
func (s *scene) enter(instance string) *netconn.Client {
	c, err := s.house.from(here).Dial(s.t, netconn.ConnectOptions{App: "stage/" + instance}, netconn.ClientEvents{})
	if err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
	return c
}

func (s *scene) instance(name string) *apps.Instance {
	s.stage.mu.Lock()
	defer s.stage.mu.Unlock()
	return s.stage.instances[name]
}

// do runs f on the near instance's goroutine and waits until all is quiet.
func (s *scene) do(f func()) {
	s.t.Helper()
	if !s.near.Do(f) {
		s.t.Fatal("the instance has ended")
	}
	synctest.Wait()
}

// heard is what a status function was told.
type heard struct {
	mu    sync.Mutex
	all   []netconn.Status
	times []time.Time
}

func (h *heard) status(s netconn.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, s)
	h.times = append(h.times, time.Now())
}

// lines returns what was told since it was last asked for: codes without what they have in common, and details.
func (h *heard) lines() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, s := range h.all {
		out = append(out, strings.TrimPrefix(string(s.Code), "NetStream.")+" "+s.Details)
	}
	h.all, h.times = nil, nil
	return out
}

func (h *heard) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := h.lines(); !slices.Equal(got, want) {
		t.Errorf("told\n%q\nwant\n%q", got, want)
	}
}

// server makes a ServerStream that ends with the test.
func (s *scene) server(name string) (*apps.ServerStream, *heard) {
	told := new(heard)
	var out *apps.ServerStream
	s.do(func() { out = s.near.ServerStream(name, told.status) })
	s.t.Cleanup(func() { s.do(out.Close) })
	return out, told
}

// play plays a source on a ServerStream.
func (s *scene) play(on *apps.ServerStream, src apps.Source) (accepted bool) {
	s.do(func() { accepted = on.Play(src) })
	return accepted
}

// live is a source without a limit.
func live(name string) apps.Source {
	return apps.Source{Name: name, Start: netconn.PlayLiveOrRecorded, Length: -1, Reset: apps.ResetReplace}
}

// publish has somebody who is no client publish a name at an instance.
func publish(t *testing.T, i *apps.Instance, name string) *streams.Publisher {
	t.Helper()
	p, err := i.Hub().Publish(name, streams.Claim{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// write writes packets.
func write(t *testing.T, p *streams.Publisher, packets ...*media.Packet) {
	t.Helper()
	for _, q := range packets {
		if err := p.Write(q); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
}

// viewer is somebody who plays a name at an instance.
type viewer struct {
	sub *streams.Subscriber
}

func view(t *testing.T, i *apps.Instance, name string) *viewer {
	v := &viewer{i.Hub().Subscribe(name, streams.SubscribeOptions{})}
	t.Cleanup(v.sub.Close)
	return v
}

// lines returns what has come since it was last asked for: kind, time and what Name says of it.
func (v *viewer) lines() []string {
	synctest.Wait()
	var out []string
	for {
		item, ok := v.sub.Next()
		switch {
		case !ok:
			return out
		case item.Event == streams.EventPublish:
			out = append(out, "publish")
		case item.Event == streams.EventUnpublish:
			out = append(out, "unpublish")
		default:
			out = append(out, describe(item.Packet))
		}
	}
}

func (v *viewer) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := v.lines(); !slices.Equal(got, want) {
		t.Errorf("saw\n%q\nwant\n%q", got, want)
	}
}

// describe puts a packet into a line.
func describe(p *media.Packet) string {
	at := " " + time.Duration(time.Duration(p.Timestamp)*time.Millisecond).String()
	switch {
	case p.Kind == media.KindData:
		payload := p.Payload
		if p.DataIsAMF3 {
			payload = payload[1:]
		}
		values, _ := amf.Decode0(payload, nil)
		text := make([]string, len(values))
		for i, v := range values {
			text[i] = strings.Trim(amf.Format(v), `"`)
		}
		return strings.Join(text, " ") + at
	case p.Config:
		return p.Kind.String() + " config" + at
	case p.Kind == media.KindVideo && p.Keyframe:
		return "key " + string(p.Payload[5:]) + at
	case p.Kind == media.KindVideo:
		return "inter " + string(p.Payload[5:]) + at
	}
	return "sound " + string(p.Payload[2:]) + at
}

// Packets with a text in them, and a time in milliseconds.
func key(text string, at uint32) *media.Packet {
	return media.NewPacket(media.KindVideo, at, append([]byte{0x17, 1, 0, 0, 0}, text...))
}

func inter(text string, at uint32) *media.Packet {
	return media.NewPacket(media.KindVideo, at, append([]byte{0x27, 1, 0, 0, 0}, text...))
}

func sound(text string, at uint32) *media.Packet {
	return media.NewPacket(media.KindAudio, at, append([]byte{0xAF, 1}, text...))
}

func config(at uint32) *media.Packet {
	return media.NewPacket(media.KindVideo, at, []byte{0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1F})
}

func data(at uint32, values ...amf.Value) *media.Packet {
	payload, err := amf.Append0(nil, values...)
	if err != nil {
		panic(err)
	}
	return media.NewPacket(media.KindData, at, payload)
}

// clientPublishes has a client publish a name, and returns its stream and what it is told.
func clientPublishes(t *testing.T, c *netconn.Client, name string) (*netconn.ClientStream, *heard, error) {
	t.Helper()
	told := new(heard)
	s, err := c.CreateStream(t.Context(), netconn.StreamEvents{Status: told.status})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = s.Publish(ctx, name, "live")
	synctest.Wait()
	return s, told, err
}
