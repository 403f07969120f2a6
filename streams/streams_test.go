package streams

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/media"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func key(ts uint32) *media.Packet {
	return media.NewPacket(media.KindVideo, ts, []byte{0x17, 1, 0, 0, 0, byte(ts)})
}
func inter(ts uint32) *media.Packet {
	return media.NewPacket(media.KindVideo, ts, []byte{0x27, 1, 0, 0, 0, byte(ts)})
}
func videoConfig(ts uint32) *media.Packet {
	return media.NewPacket(media.KindVideo, ts, []byte{0x17, 0, 0, 0, 0, 1})
}
func audio(ts uint32) *media.Packet {
	return media.NewPacket(media.KindAudio, ts, []byte{0xAF, 1, byte(ts)})
}
func audioConfig(ts uint32) *media.Packet {
	return media.NewPacket(media.KindAudio, ts, []byte{0xAF, 0, 0x12, 0x10})
}
func data(ts uint32) *media.Packet {
	return media.NewPacket(media.KindData, ts, []byte{2, 0, 1, 'd'})
}

// sized is a packet with a payload of n bytes like that of p.
func sized(p *media.Packet, n int) *media.Packet {
	return media.NewPacket(p.Kind, p.Timestamp, append(p.Payload, make([]byte, n-len(p.Payload))...))
}

// short writes an item in few letters: what it is and its time.
func short(i Item) string {
	p := i.Packet
	switch {
	case i.Event == EventPublish:
		return "publish"
	case i.Event == EventUnpublish:
		return "unpublish"
	case p.Config && p.Kind == media.KindAudio:
		return fmt.Sprintf("A%d", p.Timestamp)
	case p.Config:
		return fmt.Sprintf("V%d", p.Timestamp)
	case p.Kind == media.KindAudio:
		return fmt.Sprintf("a%d", p.Timestamp)
	case p.Kind == media.KindData:
		return fmt.Sprintf("d%d", p.Timestamp)
	case p.Keyframe:
		return fmt.Sprintf("k%d", p.Timestamp)
	}
	return fmt.Sprintf("v%d", p.Timestamp)
}

// all pulls what there is.
func all(sub *Subscriber) string {
	var out []string
	for {
		item, ok := sub.Next()
		if !ok {
			return strings.Join(out, " ")
		}
		out = append(out, short(item))
	}
}

func check(t *testing.T, sub *Subscriber, want string) {
	t.Helper()
	if diff := cmp.Diff(want, all(sub)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func publish(t testing.TB, h *Hub) *Publisher {
	t.Helper()
	p, err := h.Publish("cam", Claim{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t testing.TB, p *Publisher, packets ...*media.Packet) {
	t.Helper()
	for _, packet := range packets {
		if err := p.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPlayStartsAtKeyframe(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	if err := p.SetData("onMetaData", data(0)); err != nil {
		t.Fatal(err)
	}
	write(t, p, videoConfig(0), audioConfig(0), key(0), audio(10), inter(40), key(80), audio(90), inter(120))
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	check(t, sub, "d80 V80 A80 k80 a90 v120")
	write(t, p, inter(160))
	check(t, sub, "v160")
}

// A configuration that came after the keyframe does not jump ahead of it.
func TestPlayStartsWithTheConfigurationOfItsKeyframe(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	write(t, p, videoConfig(0), key(0), videoConfig(40), inter(40))
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	check(t, sub, "V0 k0 V40 v40")
}

func TestGOPCacheOff(t *testing.T) {
	h := NewHub(Config{NoGOPCache: true})
	p := publish(t, h)
	defer p.Close()
	write(t, p, videoConfig(0), audioConfig(0), key(0), inter(40))
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	write(t, p, audio(50), inter(80), key(120), inter(160))
	check(t, sub, "V40 A40 a50 k120 v160")
}

func TestGOPCacheTurnedOffWhilePublishing(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	write(t, p, key(0), inter(40))
	h.SetConfig(Config{NoGOPCache: true})
	write(t, p, key(80), inter(120))
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	check(t, sub, "")
	if n := h.Streams()[0].CacheBytes; n > 12 {
		t.Errorf("%d bytes are kept", n)
	}
}

func TestLateJoinerOfAudioOnly(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	write(t, p, audioConfig(0), audio(23), audio(46))
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	write(t, p, audio(69))
	check(t, sub, "A46 a69")
}

func TestGOPLargerThanTheCache(t *testing.T) {
	h := NewHub(Config{CacheBytes: 1000})
	p := publish(t, h)
	defer p.Close()
	watching := h.Subscribe("cam", SubscribeOptions{})
	defer watching.Close()
	write(t, p, videoConfig(0), sized(key(0), 400), sized(inter(40), 400), sized(inter(80), 400), audio(85))
	late := h.Subscribe("cam", SubscribeOptions{})
	defer late.Close()
	write(t, p, inter(120), key(160))
	check(t, late, "V85 k160")
	if n := h.Streams()[0].CacheBytes; n > 1000 {
		t.Errorf("%d bytes are kept", n)
	}
}

func TestOnePacketLargerThanTheCache(t *testing.T) {
	h := NewHub(Config{CacheBytes: 100})
	p := publish(t, h)
	defer p.Close()
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	write(t, p, sized(key(0), 1000))
	check(t, sub, "k0")
	write(t, p, inter(40))
	check(t, sub, "v40")
	if n := h.Streams()[0].CacheBytes; n > 100 {
		t.Errorf("%d bytes are kept", n)
	}
}

// When the camera is turned off and the microphone left on, newcomers must not be sent all the sound since then.
func TestNewcomersDoNotStartAtAKeyframeOfLongAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Config{MaxLag: 10 * time.Second})
		p := publish(t, h)
		defer p.Close()
		write(t, p, audioConfig(0), videoConfig(0), key(0))
		for i := range 60 {
			time.Sleep(time.Second)
			write(t, p, audio(uint32(1000*i)))
		}
		sub := h.Subscribe("cam", SubscribeOptions{})
		defer sub.Close()
		check(t, sub, "A59000 V59000")
		write(t, p, audio(60000), inter(60001), key(60040))
		check(t, sub, "a60000 k60040")
		if n := h.Streams()[0].CacheBytes; n > 60 {
			t.Errorf("%d bytes are kept", n)
		}
	})
}

// A group of pictures longer than the permitted lag is a whole all the same.
func TestLongGOP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Config{MaxLag: 10 * time.Second})
		p := publish(t, h)
		defer p.Close()
		write(t, p, key(0))
		want := []string{"k0"}
		for i := range 30 {
			time.Sleep(time.Second)
			write(t, p, inter(uint32(i)))
			want = append(want, fmt.Sprintf("v%d", i))
		}
		sub := h.Subscribe("cam", SubscribeOptions{})
		defer sub.Close()
		check(t, sub, strings.Join(want, " "))
	})
}

func TestRepublishKeepsTimeMonotonic(t *testing.T) {
	h := NewHub(Config{})
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	p := publish(t, h)
	write(t, p, key(5000), inter(5040))
	p.Close()
	p = publish(t, h)
	defer p.Close()
	write(t, p, videoConfig(0), key(0), inter(40))
	check(t, sub, "publish k5000 v5040 unpublish publish V5041 k5041 v5081")
}

func TestRepublishWithoutWatchersStartsAfresh(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	write(t, p, key(5000))
	p.Close()
	p = publish(t, h)
	defer p.Close()
	write(t, p, key(10))
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	check(t, sub, "k10")
}

// What a new publisher's pictures refer to has never been seen.
func TestVideoOfANewPublisherWaitsForItsKeyframe(t *testing.T) {
	h := NewHub(Config{})
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	p := publish(t, h)
	write(t, p, key(0))
	p.Close()
	p = publish(t, h)
	defer p.Close()
	write(t, p, inter(0), audio(1), key(40))
	check(t, sub, "publish k0 unpublish publish a2 k41")
}

func TestTakeover(t *testing.T) {
	h := NewHub(Config{})
	evicted := 0
	first, err := h.Publish("cam", Claim{Owner: "first", Key: "k", Evicted: func(*Publisher) { evicted++ }})
	if err != nil {
		t.Fatal(err)
	}
	if first.Owner() != "first" || first.Key() != "k" || first.Name() != "cam" || h.Publisher("cam") != first {
		t.Error("the first publisher is not itself")
	}
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	write(t, first, key(100))
	if _, err := h.Publish("cam", Claim{}); !errors.Is(err, ErrNameTaken) {
		t.Fatalf("got %v", err)
	}
	second, err := h.Publish("cam", Claim{Take: true})
	if err != nil {
		t.Fatal(err)
	}
	if evicted != 1 || h.Publisher("cam") != second {
		t.Errorf("evicted %d times", evicted)
	}
	for _, err := range []error{first.Write(key(1)), first.SetData("x", data(1))} {
		if !errors.Is(err, ErrEvicted) {
			t.Errorf("the evicted one writes: %v", err)
		}
	}
	first.ClearData("x")
	write(t, second, key(0))
	first.Close()
	first.Close()
	write(t, second, inter(40))
	check(t, sub, "k100 unpublish publish k101 v141")
	second.Close()
	if evicted != 1 {
		t.Errorf("evicted %d times", evicted)
	}
	if err := second.Write(key(0)); !errors.Is(err, ErrUnpublished) {
		t.Errorf("got %v", err)
	}
	if n := h.Stats().Publishers.Load(); n != 0 {
		t.Errorf("%d publishers", n)
	}
}

func TestTimestampsAcrossTheWrap(t *testing.T) {
	h := NewHub(Config{})
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	p := publish(t, h)
	write(t, p, key(0xfffffff0), inter(0x10))
	p.Close()
	p = publish(t, h)
	defer p.Close()
	write(t, p, key(0xffffffff), inter(0x20))
	check(t, sub, "publish k4294967280 v16 unpublish publish k17 v50")
}

func TestSubscriberWaitsForItsPublisher(t *testing.T) {
	h := NewHub(Config{})
	sub := h.Subscribe("cam", SubscribeOptions{})
	if sub.Published() {
		t.Error("published by nobody")
	}
	check(t, sub, "")
	p := publish(t, h)
	if !sub.Published() {
		t.Error("not published")
	}
	write(t, p, key(0))
	p.Close()
	p.Close()
	check(t, sub, "publish k0 unpublish")
	sub.Close()
	sub.Close()
	if _, ok := sub.Next(); ok {
		t.Error("a closed subscriber gets something")
	}
}

func TestClosedSubscriberGetsNothing(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	write(t, p, videoConfig(0), key(0))
	sub := h.Subscribe("cam", SubscribeOptions{})
	sub.Close()
	check(t, sub, "")
}

type counter int

func (c *counter) Wake() { *c++ }

func TestWakersAreCalledOnceForEachPacket(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	var shared, other counter
	var subs []*Subscriber
	for range 100 {
		subs = append(subs, h.Subscribe("cam", SubscribeOptions{Waker: &shared}))
	}
	lone := h.Subscribe("cam", SubscribeOptions{Waker: &other})
	silent := h.Subscribe("cam", SubscribeOptions{})
	defer silent.Close()
	write(t, p, key(0), inter(40))
	if shared != 2 || other != 2 {
		t.Errorf("woken %d and %d times", shared, other)
	}
	lone.Close()
	for _, sub := range subs[1:] {
		sub.Close()
	}
	write(t, p, inter(80))
	if shared != 3 || other != 2 {
		t.Errorf("woken %d and %d times", shared, other)
	}
	subs[0].Close()
	write(t, p, inter(120))
	if shared != 3 {
		t.Errorf("woken %d times", shared)
	}
}

func TestKindsAreTurnedOffAndOn(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	write(t, p, audioConfig(0), videoConfig(0), key(0))
	sub := h.Subscribe("cam", SubscribeOptions{NoVideo: true})
	defer sub.Close()
	write(t, p, audio(10), inter(40))
	check(t, sub, "A0 V0 a10")
	sub.SetVideo(true)
	sub.SetAudio(false)
	write(t, p, inter(80), audio(90), audioConfig(100), key(120), inter(160))
	check(t, sub, "A100 k120 v160")
	sub.SetVideo(true) // no news
	sub.SetAudio(true)
	write(t, p, inter(200), audio(210))
	check(t, sub, "v200 a210")
}

func TestResumeStartsLikeANewcomer(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	write(t, p, videoConfig(0), key(0))
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	check(t, sub, "V0 k0")
	write(t, p, inter(40), data(50), key(80), inter(120))
	sub.Resume()
	check(t, sub, "V80 k80 v120")
	if sub.Skipped() != 0 {
		t.Errorf("%d skipped", sub.Skipped())
	}
}

func TestDataFrames(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	for i := range 20 {
		if err := p.SetData(fmt.Sprint("handler", i), data(uint32(i))); err != nil {
			t.Fatal(err)
		}
	}
	p.ClearData("handler0")
	if err := p.SetData("handler1", data(100)); err != nil {
		t.Fatal(err)
	}
	write(t, p, key(100))
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	check(t, sub, strings.Repeat("d100 ", maxDataFrames-1)+"k100")
}

func TestStreamInfo(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	write(t, p, audioConfig(0), key(0), audio(10), media.NewPacket(media.KindVideo, 20, nil), media.NewPacket(media.KindAudio, 20, nil))
	sub := h.Subscribe("cam", SubscribeOptions{})
	waiting := h.Subscribe("other", SubscribeOptions{})
	got := map[string]StreamInfo{}
	for _, info := range h.Streams() {
		info.Since = time.Time{}
		got[info.Name] = info
	}
	want := map[string]StreamInfo{
		"cam":   {Name: "cam", Published: true, Subscribers: 1, PacketsIn: 5, BytesIn: 13, Video: "H.264", Audio: "AAC", CacheBytes: 9},
		"other": {Name: "other", Subscribers: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s := h.Stats()
	if s.PacketsIn.Load() != 5 || s.BytesIn.Load() != 13 || s.Publishers.Load() != 1 || s.Subscribers.Load() != 2 {
		t.Errorf("%d packets, %d bytes, %d publishers, %d subscribers",
			s.PacketsIn.Load(), s.BytesIn.Load(), s.Publishers.Load(), s.Subscribers.Load())
	}
	if sub.Feed() != sub.Feed() || sub.Feed() == waiting.Feed() {
		t.Error("feeds")
	}
	p.Close()
	sub.Close()
	waiting.Close()
	if len(h.Streams()) != 0 || s.Subscribers.Load() != 0 || h.Publisher("cam") != nil {
		t.Errorf("left behind: %v", h.Streams())
	}
}

// Encoders send metadata and configuration with the time zero before frames whose time goes on.
func TestRepublishTakesItsTimeFromTheFirstFrame(t *testing.T) {
	h := NewHub(Config{})
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	p := publish(t, h)
	write(t, p, data(0), videoConfig(0), key(0x90000000), inter(0x90000028))
	p.Close()
	p = publish(t, h)
	defer p.Close()
	write(t, p, data(0), videoConfig(0), key(0xF0000000), inter(0xF0000028))
	check(t, sub, "publish d0 V0 k2415919104 v2415919144 unpublish publish d2415919145 V2415919145 k2415919145 v2415919185")
}

// oneTrack is a coded AV1 frame of one track (Enhanced RTMP v2, AvMultitrackType.OneTrack).
func oneTrack(frame media.FrameType, track byte, ts uint32) *media.Packet {
	return media.NewPacket(media.KindVideo, ts, []byte{0x80 | byte(frame)<<4 | 6, 0x01, 'a', 'v', '0', '1', track, 9})
}

func TestStreamWithoutTrackZeroStartsAtItsFirstTracksKeyframe(t *testing.T) {
	h := NewHub(Config{})
	early := h.Subscribe("cam", SubscribeOptions{})
	defer early.Close()
	p := publish(t, h)
	defer p.Close()
	write(t, p, oneTrack(media.FrameInter, 2, 0), oneTrack(media.FrameKey, 3, 1), oneTrack(media.FrameKey, 2, 2), oneTrack(media.FrameInter, 3, 3))
	check(t, early, "publish v2 v3")
	late := h.Subscribe("cam", SubscribeOptions{})
	defer late.Close()
	check(t, late, "v2 v3")
	write(t, p, oneTrack(media.FrameKey, 0, 4), oneTrack(media.FrameKey, 2, 5))
	zero := h.Subscribe("cam", SubscribeOptions{})
	defer zero.Close()
	check(t, zero, "k4 v5")
}

func TestResumeTellsThatThePublisherChanged(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	write(t, p, key(0))
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	check(t, sub, "k0")
	p.Close()
	p = publish(t, h)
	write(t, p, videoConfig(0), key(0))
	sub.Resume()
	check(t, sub, "unpublish publish V1 k1")
	p.Close()
	sub.Resume()
	check(t, sub, "unpublish")
}
