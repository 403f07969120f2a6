package streams

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
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

func TestSlowSubscriberSkipsToTheNewestKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Config{MaxLag: 10 * time.Second})
		p := publish(t, h)
		defer p.Close()
		slow := h.Subscribe("cam", SubscribeOptions{})
		defer slow.Close()
		quick := h.Subscribe("cam", SubscribeOptions{})
		defer quick.Close()
		write(t, p, videoConfig(0), key(0), inter(40))
		check(t, slow, "V0 k0 v40")
		check(t, quick, "V0 k0 v40")
		write(t, p, inter(80), audio(90), data(100), key(120), videoConfig(125), audio(130), data(140))
		time.Sleep(10*time.Second + 1)
		write(t, p, key(160), inter(200))
		check(t, slow, "d100 V125 d140 k160 v200")
		if n := slow.Skipped(); n != 4 { // v80 a90 k120 a130
			t.Errorf("%d skipped", n)
		}
		write(t, p, inter(240))
		check(t, slow, "v240")
		s := h.Stats()
		if s.Skips.Load() != 1 || s.Skipped.Load() != 4 || s.LostKept.Load() != 0 {
			t.Errorf("skips %d, skipped %d, lost %d", s.Skips.Load(), s.Skipped.Load(), s.LostKept.Load())
		}
		if quick.Skipped() != 0 {
			t.Error("the quick one skipped")
		}
	})
}

func TestSubscriberAtThePermittedLagIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Config{MaxLag: 10 * time.Second})
		p := publish(t, h)
		defer p.Close()
		sub := h.Subscribe("cam", SubscribeOptions{})
		defer sub.Close()
		write(t, p, key(0), inter(40))
		time.Sleep(10 * time.Second)
		write(t, p, key(80))
		check(t, sub, "k0 v40 k80")
	})
}

func TestWhatIsKeptForSkippersIsBoundedAndCounted(t *testing.T) {
	tests := []struct {
		name   string
		config Config
		want   string
		lost   uint64
	}{
		{"messages", Config{KeptMessages: 3}, "d7 d8 d9 k10", 7},
		{"bytes", Config{KeptBytes: 8}, "d8 d9 k10", 8},
		{"one is kept whatever its size", Config{KeptBytes: 1}, "d9 k10", 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.config.MaxLag = time.Second
				h := NewHub(tt.config)
				p := publish(t, h)
				defer p.Close()
				sub := h.Subscribe("cam", SubscribeOptions{})
				defer sub.Close()
				check(t, sub, "")
				for i := range 10 {
					write(t, p, data(uint32(i)), inter(uint32(i)))
				}
				time.Sleep(2 * time.Second)
				write(t, p, key(10))
				check(t, sub, tt.want)
				s := h.Stats()
				if s.LostKept.Load() != tt.lost || sub.Skipped() != 10 {
					t.Errorf("lost %d, skipped %d", s.LostKept.Load(), sub.Skipped())
				}
			})
		})
	}
}

// Messages behind the place where a skipper goes on are still in the ring, so they are not lost.
func TestOnlyMessagesInTheGapCountAsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Config{KeptMessages: 2, MaxLag: time.Second})
		p := publish(t, h)
		defer p.Close()
		sub := h.Subscribe("cam", SubscribeOptions{})
		defer sub.Close()
		check(t, sub, "")
		write(t, p, data(0), inter(1))
		time.Sleep(2 * time.Second)
		write(t, p, key(2), data(3), data(4), data(5))
		check(t, sub, "k2 d3 d4 d5")
		s := h.Stats()
		if s.LostKept.Load() != 1 || sub.Skipped() != 1 {
			t.Errorf("lost %d, skipped %d", s.LostKept.Load(), sub.Skipped())
		}
	})
}

func TestSkippingWithoutAKeyframeGoesToTheNewestPacket(t *testing.T) {
	h := NewHub(Config{CacheBytes: 300})
	p := publish(t, h)
	defer p.Close()
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	write(t, p, videoConfig(0), key(0))
	check(t, sub, "V0 k0")
	for i := range 20 {
		write(t, p, sized(inter(uint32(i)), 50), sized(audio(uint32(i)), 50))
	}
	check(t, sub, "a19")
	if n := sub.Skipped(); n != 39 {
		t.Errorf("%d skipped", n)
	}
	write(t, p, inter(20), audio(20), key(21), inter(22))
	check(t, sub, "a20 k21 v22")
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

func TestWithoutWatchersOnlyTheGOPIsKept(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	for i := range 100 {
		write(t, p, sized(key(uint32(i)), 1000), data(uint32(i)), audio(uint32(i)), sized(inter(uint32(i)), 1000))
	}
	s := h.streams["cam"]
	if info := s.info(); info.CacheBytes != 2007 {
		t.Errorf("%d bytes are kept", info.CacheBytes)
	}
	if len(s.kept) > 1 || s.keptBytes > 4 {
		t.Errorf("%d messages of %d bytes are kept for skippers", len(s.kept), s.keptBytes)
	}
	live := 0
	r := s.ring.Load()
	for i := range r.slots {
		if r.slots[i].Load() != nil {
			live++
		}
	}
	if live != 4 {
		t.Errorf("%d entries in the ring", live)
	}
	write(t, p, audio(1000))
	if got := len(h.streams["cam"].ring.Load().slots); got != minSlots {
		t.Errorf("%d slots", got)
	}
}

func TestWithoutWatchersSoundIsNotKept(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	for i := range 1000 {
		write(t, p, audio(uint32(i)))
	}
	if n := h.Streams()[0].CacheBytes; n > 3 {
		t.Errorf("%d bytes are kept", n)
	}
}

func TestRingGrowsUpToItsBound(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	write(t, p, key(0))
	const count = 5000
	for i := range count {
		write(t, p, inter(uint32(i)))
	}
	want := []string{"k0"}
	for i := range count {
		want = append(want, fmt.Sprintf("v%d", i))
	}
	check(t, sub, strings.Join(want, " "))
	for i := range 2 * maxSlots {
		write(t, p, inter(uint32(i)))
	}
	s := h.streams["cam"]
	if n := len(s.ring.Load().slots); n != maxSlots {
		t.Errorf("%d slots", n)
	}
	if n := s.head.Load() - s.tail; n > maxSlots {
		t.Errorf("%d entries", n)
	}
	check(t, sub, "")
	if n := sub.Skipped(); n != 2*maxSlots-1 {
		t.Errorf("%d skipped", n)
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

func TestForgottenStreamsFreeTheirMemory(t *testing.T) {
	h := NewHub(Config{})
	freed := make(chan struct{}, 1)
	func() {
		p := publish(t, h)
		sub := h.Subscribe("cam", SubscribeOptions{})
		payload := make([]byte, 1<<20)
		runtime.AddCleanup(&payload[0], func(struct{}) { freed <- struct{}{} }, struct{}{})
		payload[0] = 0x17
		payload[1] = 1
		write(t, p, media.NewPacket(media.KindVideo, 0, payload))
		check(t, sub, "k0")
		p.Close()
		sub.Close()
	}()
	if len(h.Streams()) != 0 {
		t.Fatalf("left behind: %v", h.Streams())
	}
	for {
		runtime.GC()
		select {
		case <-freed:
			return
		default:
			runtime.Gosched()
		}
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	defer p.Close()
	sub := h.Subscribe("cam", SubscribeOptions{})
	defer sub.Close()
	write(t, p, key(0))
	const runs = 1000
	for i := range runs + 1 {
		write(t, p, inter(uint32(i)))
	}
	if n := testing.AllocsPerRun(runs, func() {
		if _, ok := sub.Next(); !ok {
			t.Fatal("nothing there")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// gate is a Waker that a goroutine can wait at.
type gate chan struct{}

func (g gate) Wake() {
	select {
	case g <- struct{}{}:
	default:
	}
}

func TestManySubscribersSeeEveryPacketInOrder(t *testing.T) {
	h := NewHub(Config{})
	p := publish(t, h)
	const count, watchers = 3000, 50
	var wg sync.WaitGroup
	for range watchers {
		g := make(gate, 1)
		sub := h.Subscribe("cam", SubscribeOptions{Waker: g})
		wg.Go(func() {
			defer sub.Close()
			next := uint32(0)
			for {
				item, ok := sub.Next()
				if !ok {
					<-g
					continue
				}
				if item.Event == EventUnpublish {
					if next != count {
						t.Errorf("the end came after %d packets", next)
					}
					return
				}
				if item.Packet.Timestamp != next {
					t.Errorf("packet %d instead of %d", item.Packet.Timestamp, next)
					return
				}
				next++
			}
		})
	}
	for i := range uint32(count) {
		packet := inter(i)
		if i%50 == 0 {
			packet = key(i)
		}
		write(t, p, packet)
	}
	p.Close()
	wg.Wait()
	if n := h.Stats().Skips.Load(); n != 0 {
		t.Errorf("%d skips", n)
	}
}

// Publishers that come and go, subscribers that come and go, and skips, all at the same time.
func TestConcurrentComingAndGoing(t *testing.T) {
	h := NewHub(Config{CacheBytes: 2000, MaxLag: time.Nanosecond})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 50 {
				p, err := h.Publish("cam", Claim{Take: true, Evicted: func(*Publisher) {}})
				if err != nil {
					t.Error(err)
					return
				}
				for i := range uint32(30) {
					packet := inter(i)
					switch i % 10 {
					case 0:
						packet = key(i)
					case 5:
						packet = data(i)
					}
					if p.Write(sized(packet, 50)) != nil {
						break
					}
				}
				p.Close()
			}
		})
	}
	for range 8 {
		wg.Go(func() {
			for range 50 {
				sub := h.Subscribe("cam", SubscribeOptions{})
				for range 100 {
					sub.Next()
				}
				sub.Resume()
				sub.Next()
				sub.Close()
			}
		})
	}
	wg.Go(func() {
		for range 500 {
			h.Streams()
			h.Publisher("cam")
		}
	})
	wg.Wait()
	if s := h.Streams(); len(s) != 0 {
		t.Errorf("left behind: %+v", s)
	}
}
