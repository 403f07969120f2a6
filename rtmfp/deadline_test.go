package rtmfp_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

// The deadlines that living endpoints use.
const (
	audioStartBy = 2200 * time.Millisecond
	videoStartBy = 2000 * time.Millisecond
	finishBehind = 100 * time.Millisecond
)

// A media source as encoders make them: audio of 128 kbit/s, video of 25 frames a second in groups of 25, the first of them large.
const (
	audioInterval = 20 * time.Millisecond
	audioSize     = 320
	videoInterval = 40 * time.Millisecond
	groupSize     = 25
	keyframeSize  = 30000
	frameSize     = 5000

	mediaRate = 8 * (audioSize*50 + keyframeSize + (groupSize-1)*frameSize) // bits a second
)

// mediaSource sends audio above video. When a frame is given up, the rest of its group goes with it.
type mediaSource struct {
	t             *testing.T
	from          *end
	finish        bool // frames have to be finished in time, too
	audio, video  *rtmfp.SendFlow
	frames        []frame // in the queue, oldest first
	cut           map[int]bool
	audioN        int
	group, within int
}

type frame struct {
	id    rtmfp.MessageID
	group int
}

func newMediaSource(t *testing.T, from *end, p *peer, timeCritical bool) *mediaSource {
	m := &mediaSource{t: t, from: from, cut: make(map[int]bool)}
	from.do(func() {
		m.audio = p.open(t, rtmfp.FlowConfig{Metadata: []byte("audio"), Priority: rtmfp.PriorityAudio, TimeCritical: timeCritical,
			Handler: &outbox{}})
		m.video = p.open(t, rtmfp.FlowConfig{Metadata: []byte("video"), Priority: rtmfp.PriorityVideo, TimeCritical: timeCritical, Handler: m})
	})
	return m
}

// run sends for the time d.
func (m *mediaSource) run(d time.Duration) {
	w := m.from.world
	for at := time.Duration(0); at < d; at += audioInterval {
		w.At(w.Now().Add(at), func() {
			m.from.do(m.sendAudio)
			if at%videoInterval == 0 {
				m.from.do(m.sendFrame)
			}
		})
	}
}

func (m *mediaSource) sendAudio() {
	now := m.from.world.Now()
	body := make([]byte, audioSize)
	binary.BigEndian.PutUint32(body, uint32(m.audioN))
	binary.BigEndian.PutUint64(body[4:], uint64(now))
	m.audioN++
	startBy := now.Add(audioStartBy)
	if _, err := m.audio.Send(rtmfp.Outgoing{Body: body, StartBy: startBy, FinishBy: startBy.Add(finishBehind)}); err != nil {
		m.t.Error(err)
	}
}

func (m *mediaSource) sendFrame() {
	group, within := m.group, m.within
	if m.within++; m.within == groupSize {
		m.group, m.within = m.group+1, 0
	}
	if m.cut[group] {
		return
	}
	now := m.from.world.Now()
	size := frameSize
	if within == 0 {
		size = keyframeSize
	}
	body := make([]byte, size)
	binary.BigEndian.PutUint32(body, uint32(group))
	binary.BigEndian.PutUint32(body[4:], uint32(within))
	binary.BigEndian.PutUint64(body[8:], uint64(now))
	o := rtmfp.Outgoing{Body: body, StartBy: now.Add(videoStartBy), Receipt: true}
	if m.finish {
		o.FinishBy = o.StartBy.Add(finishBehind)
	}
	id, err := m.video.Send(o)
	if err != nil {
		m.t.Error(err)
		return
	}
	m.frames = append(m.frames, frame{id, group})
}

func (m *mediaSource) Writable(*rtmfp.SendFlow)     {}
func (m *mediaSource) Ended(*rtmfp.SendFlow, error) {}

// Settled cuts a group at the frame that was given up.
func (m *mediaSource) Settled(f *rtmfp.SendFlow, id rtmfp.MessageID, delivered bool) {
	i := slices.IndexFunc(m.frames, func(x frame) bool { return x.id == id })
	if i < 0 {
		m.t.Error("a receipt for a frame that is not in the queue")
		return
	}
	group := m.frames[i].group
	m.frames = slices.Delete(m.frames, i, i+1)
	if delivered || m.cut[group] {
		return
	}
	m.cut[group] = true
	for _, x := range slices.Clone(m.frames) {
		if x.group == group && x.id > id { // those before it may be under way
			f.Abandon(x.id)
		}
	}
}

// mediaSink judges what arrives.
type mediaSink struct {
	world       *world
	audio       int
	delays      []time.Duration
	groups      map[int][]int // frames that arrived and can be shown, by group
	broken      int           // frames whose predecessor is missing
	waiting     bool          // for a keyframe
	unannounced int           // frames with a missing predecessor of which no gap told
	lastGroup   int
	lastWithin  int
}

func (m *mediaSink) flow(f *rtmfp.ReceiveFlow, in *inbox) {
	in.forget = true
	switch string(f.Metadata()) {
	case "audio":
		in.onMessage = func(message rtmfp.Message) {
			m.audio++
			sent := rtmfp.Instant(binary.BigEndian.Uint64(message.Data[4:]))
			m.delays = append(m.delays, m.world.Now().Sub(sent))
		}
	case "video":
		in.onMessage = m.frame
	}
}

// frame does as a player does: after a gap it waits for a keyframe.
func (m *mediaSink) frame(message rtmfp.Message) {
	group, within := int(binary.BigEndian.Uint32(message.Data)), int(binary.BigEndian.Uint32(message.Data[4:]))
	follows := within == 0 || group == m.lastGroup && within == m.lastWithin+1
	m.lastGroup, m.lastWithin = group, within
	if !follows && !message.Gap && !m.waiting {
		m.unannounced++
	}
	m.waiting = within != 0 && (m.waiting || message.Gap)
	if m.waiting {
		m.broken++
		return
	}
	m.groups[group] = append(m.groups[group], within)
}

// TestHalfTheRateCarriesAudioAndWholeGroups sends through a bottleneck with half the rate that the media need, smooth or with loss
// of its own: the audio arrives, and of video groups from their keyframe to where they were cut.
//
// Frames that have to start by some time are given up in order, so that none arrives without those before it. Those that have to be
// finished by some time as well may lose a fragment, and not have the time to send it again, when others behind them are
// on their way: a gap tells of it, and a player drops them.
func TestHalfTheRateCarriesAudioAndWholeGroups(t *testing.T) {
	for _, c := range []struct {
		name         string
		timeCritical bool
		finish       bool
		conditions   simnet.Conditions
	}{
		{"bulk", false, false, simnet.Conditions{Queue: 32 << 10}},
		{"time critical", true, false, simnet.Conditions{Queue: 32 << 10}},
		{"with 2% loss", true, false, simnet.Conditions{Queue: 32 << 10, Loss: 0.02}},
		{"with a long queue", true, false, simnet.Conditions{Queue: 100 << 10}},
		{"with an end to each frame", true, true, simnet.Conditions{Queue: 32 << 10, Loss: 0.02}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const length = 100 * time.Second
			w := newWorld(t, 60)
			c.conditions.Delay = 20 * time.Millisecond
			c.conditions.Rate = mediaRate / 2
			sink := &mediaSink{world: w, groups: make(map[int][]int), lastGroup: -1}
			a, b := w.pair(c.conditions, options{}, options{flow: sink.flow})
			near, _ := w.connect(a, b)
			source := newMediaSource(t, a, near, c.timeCritical)
			source.finish = c.finish
			source.run(length)
			w.RunFor(length + 5*time.Second)

			slices.Sort(sink.delays)
			inTime, _ := slices.BinarySearch(sink.delays, audioStartBy)
			share := float64(inTime) / float64(source.audioN)
			shown, cut := 0, 0
			for group, frames := range sink.groups {
				for i, within := range frames {
					if within != i {
						t.Errorf("group %d: frame %d in place of %d", group, within, i)
						break
					}
				}
				shown += len(frames)
				if len(frames) < groupSize {
					cut++
				}
			}
			t.Logf("audio: %.2f %% in time, median delay %v, 99th percentile %v; video: %d of %d frames in %d groups, %d of them cut, %d frames without a predecessor; %+v",
				100*share, sink.delays[len(sink.delays)/2], sink.delays[len(sink.delays)*99/100],
				shown, 25*100, len(sink.groups), cut, sink.broken, near.session.Stats())
			if share < 0.99 {
				t.Errorf("%.2f %% of audio in time", 100*share)
			}
			if sink.unannounced > 0 {
				t.Errorf("%d gaps were not told", sink.unannounced)
			}
			if shown < 25*100/4 || shown > 25*100/2 { // a group needs a fifth of its bytes for its keyframe
				t.Errorf("%d of %d frames shown at half the rate", shown, 25*100)
			}
			if !c.finish && sink.broken > 0 || sink.broken > shown/10 {
				t.Errorf("%d frames came without a predecessor", sink.broken)
			}
		})
	}
}
