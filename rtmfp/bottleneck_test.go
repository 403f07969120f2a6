package rtmfp

import (
	"container/heap"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// soaking gives the longer of two spans where AFTERGLOW_SOAK asks for it: a second of a fast link is a hundred thousand packets.
func soaking(short, long time.Duration) time.Duration {
	if os.Getenv("AFTERGLOW_SOAK") != "" {
		return long
	}
	return short
}

// bottleneck is a network of one link with a queue that drops what does not fit, and senders with endless data that are
// controlled by congestion, pacer and roundTrip together.
type bottleneck struct {
	bytesPerSecond float64
	queueBytes     float64
	delay          time.Duration // there and back, without the queue
	jitter         time.Duration
	loss           float64 // of all packets, beyond the queue

	now     Instant
	events  eventHeap
	order   int
	freeAt  Instant // when the link has sent what is queued
	random  *rand.Rand
	senders []*bulkSender
}

type event struct {
	at    Instant
	order int
	do    func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func (b *bottleneck) at(when Instant, do func()) {
	b.order++
	heap.Push(&b.events, event{when, b.order, do})
}

func (b *bottleneck) run(until time.Duration) {
	for len(b.events) > 0 && b.events[0].at <= Instant(until) {
		e := heap.Pop(&b.events).(event)
		b.now = e.at
		e.do()
	}
}

// carry sends a packet over the link, or loses it.
func (b *bottleneck) carry(bytes int, arrived func()) {
	if b.random.Float64() < b.loss {
		return
	}
	b.freeAt = max(b.freeAt, b.now)
	queued := b.freeAt.Sub(b.now).Seconds() * b.bytesPerSecond
	if queued+float64(bytes) > b.queueBytes {
		return
	}
	b.freeAt = b.freeAt.Add(time.Duration(float64(bytes) / b.bytesPerSecond * float64(time.Second)))
	b.at(b.freeAt.Add(b.delay/2), arrived)
}

// bulkSender has endless data for a receiver that acknowledges each second packet.
type bulkSender struct {
	net       *bottleneck
	manner    manner
	control   congestion
	pacer     pacer
	rtt       roundTrip
	inFlight  []*flying // in the order of their numbers
	bytes     int
	next      uint64
	waking    Instant
	alarm     Instant
	unacked   []*flying // at the receiver
	ackAt     Instant
	delivered int
	lostCount int
	timeouts  int
}

type flying struct {
	tsn    uint64
	sentAt Instant
	naks   int
	gone   bool
}

func (b *bottleneck) start(at time.Duration, m manner) *bulkSender {
	s := &bulkSender{net: b, manner: m, control: newCongestion(), next: 1, waking: Never}
	b.senders = append(b.senders, s)
	b.at(Instant(at), s.send)
	return s
}

func (s *bulkSender) pace() pace {
	return pace{s.control.window(), s.bytes, s.rtt.smoothed(), s.rtt.timeout(), s.control.slowStart()}
}

func (s *bulkSender) send() {
	for s.control.allows(s.bytes) {
		if !s.pacer.maySend(s.net.now, s.pace()) {
			s.wakeAt(s.pacer.wait(s.net.now, s.pace()))
			break
		}
		f := &flying{tsn: s.next, sentAt: s.net.now}
		s.next++
		s.inFlight = append(s.inFlight, f)
		s.bytes += segmentSize
		s.pacer.sent(s.net.now, segmentSize)
		s.net.carry(segmentSize+60, func() { s.arrived(f) })
		s.setAlarm()
	}
	s.control.blocked(s.bytes)
}

func (s *bulkSender) wakeAt(at Instant) {
	if at == Never || s.waking <= at && s.waking > s.net.now {
		return
	}
	s.waking = at
	s.net.at(at, s.send)
}

func (s *bulkSender) setAlarm() {
	at := s.net.now.Add(s.rtt.timeout())
	s.alarm = at
	s.net.at(at, func() {
		if s.alarm == at {
			s.timedOut()
		}
	})
}

func (s *bulkSender) timedOut() {
	s.timeouts++
	for _, f := range s.inFlight {
		f.gone = true
	}
	s.control.timeout(len(s.inFlight) > 0)
	s.pacer.timeout()
	if len(s.inFlight) > 0 {
		s.rtt.backoff()
	}
	s.inFlight, s.bytes = nil, 0
	s.send()
}

func (s *bulkSender) arrived(f *flying) {
	s.delivered += segmentSize
	s.unacked = append(s.unacked, f)
	if len(s.unacked) == 1 {
		s.net.at(s.net.now.Add(200*time.Millisecond), func() { s.acknowledge(f) })
		return
	}
	s.acknowledge(f)
}

// acknowledge sends an acknowledgement if f waits for one.
func (s *bulkSender) acknowledge(f *flying) {
	if len(s.unacked) == 0 || s.unacked[len(s.unacked)-1] != f {
		return
	}
	acked := s.unacked
	s.unacked = nil
	jitter := time.Duration(s.net.random.Int64N(int64(s.net.jitter) + 1))
	s.ackAt = max(s.ackAt, s.net.now.Add(s.net.delay/2+jitter)) // a path that keeps order
	s.net.at(s.ackAt, func() { s.processAck(acked) })
}

func (s *bulkSender) processAck(acked []*flying) {
	s.control.begin(s.bytes)
	s.pacer.acknowledged(s.net.now)
	var highest uint64
	for _, f := range acked {
		ticks := tick(s.net.now) - tick(f.sentAt)
		s.rtt.receivedEcho(s.net.now, tick(s.net.now)-ticks)
		highest = max(highest, f.tsn)
		if !f.gone {
			f.gone = true
			s.bytes -= segmentSize
			s.control.acknowledged(segmentSize)
		}
	}
	kept := s.inFlight[:0]
	for _, f := range s.inFlight {
		if !f.gone && f.tsn < highest {
			s.nak(f)
		}
		if !f.gone {
			kept = append(kept, f)
		}
	}
	s.inFlight = kept
	if s.control.end(s.manner, s.next) {
		s.pacer.lost(s.net.now)
	}
	s.setAlarm()
	s.send()
}

func (s *bulkSender) nak(f *flying) {
	s.control.negative()
	if f.naks++; f.naks < 3 {
		return
	}
	f.gone = true
	s.bytes -= segmentSize
	s.lostCount++
	s.control.lost(f.tsn)
}

// newBottleneck gives a link without jitter to speak of, whose queue takes so much time to empty.
func newBottleneck(seed uint64, bitsPerSecond float64, delay, queue time.Duration) *bottleneck {
	return &bottleneck{
		bytesPerSecond: bitsPerSecond / 8, queueBytes: max(bitsPerSecond/8*queue.Seconds(), 10*1300),
		delay: delay, jitter: delay / 20,
		random: rand.New(rand.NewPCG(seed, 7)),
	}
}

// share gives what a sender delivered between two times as a part of what the link carries.
func (b *bottleneck) share(s *bulkSender, from, to time.Duration) float64 {
	b.run(from)
	before := s.delivered
	b.run(to)
	return float64(s.delivered-before) / (to - from).Seconds() / b.bytesPerSecond
}

func TestBulkFillsItsPath(t *testing.T) {
	for _, test := range []struct {
		name         string
		bits         float64
		delay, queue time.Duration
		loss         float64
		span         time.Duration
		least        float64
	}{
		{"slow", 2e6, 100 * time.Millisecond, 100 * time.Millisecond, 0, 20 * time.Second, 0.9},
		{"home", 50e6, 20 * time.Millisecond, 20 * time.Millisecond, 0, soaking(3*time.Second, 10*time.Second), 0.9},
		{"short queue", 20e6, 40 * time.Millisecond, 10 * time.Millisecond, 0, 20 * time.Second, 0.75},
		{"far", 100e6, 80 * time.Millisecond, 40 * time.Millisecond, 0, soaking(0, 20*time.Second), 0.85},
		{"loopback", 6e9, 200 * time.Microsecond, 2 * time.Millisecond, 0, soaking(50*time.Millisecond, 100*time.Millisecond), 0.85},
		{"losses", 20e6, 40 * time.Millisecond, 40 * time.Millisecond, 1e-3, 20 * time.Second, 0.4}, // 0.36 by RFC 5681
	} {
		if test.span == 0 {
			continue
		}
		b := newBottleneck(1, test.bits, test.delay, test.queue)
		b.loss = test.loss
		s := b.start(0, mannerBulk)
		if share := b.share(s, 0, test.span); share < test.least {
			t.Errorf("%s: %.2f of the path, want %.2f", test.name, share, test.least)
		}
		if s.timeouts > 0 {
			t.Errorf("%s: %d timeouts", test.name, s.timeouts)
		}
	}
}

func TestTwoBulkSessionsShareABottleneck(t *testing.T) {
	for _, test := range []struct {
		name         string
		bits         float64
		delay, queue time.Duration
		span         time.Duration
	}{
		{"slow", 2e6, 100 * time.Millisecond, 100 * time.Millisecond, time.Minute},
		{"home", 20e6, 40 * time.Millisecond, 40 * time.Millisecond, soaking(20*time.Second, 40*time.Second)},
		{"far", 100e6, 80 * time.Millisecond, 40 * time.Millisecond, soaking(0, 40*time.Second)},
		{"loopback", 1e9, 200 * time.Microsecond, time.Millisecond, soaking(time.Second, 2*time.Second)},
	} {
		if test.span == 0 {
			continue
		}
		b := newBottleneck(2, test.bits, test.delay, test.queue)
		first := b.start(0, mannerBulk)
		second := b.start(test.span/10, mannerBulk) // when the first one has all of it
		b.run(test.span / 2)
		before := second.delivered
		x := b.share(first, test.span/2, test.span)
		y := float64(second.delivered-before) / (test.span / 2).Seconds() / b.bytesPerSecond
		if x+y < 0.9 || x > 2*y || y > 2*x {
			t.Errorf("%s: shares %.2f and %.2f", test.name, x, y)
		}
	}
}

func TestTimeCriticalSessionPrevailsOverOneThatYields(t *testing.T) {
	b := newBottleneck(3, 10e6, 40*time.Millisecond, 40*time.Millisecond)
	bulk := b.start(0, mannerYielding)
	media := b.start(10*time.Second, mannerTimeCritical)
	b.run(30 * time.Second)
	before := bulk.delivered
	x := b.share(media, 30*time.Second, time.Minute)
	y := float64(bulk.delivered-before) / 30 / b.bytesPerSecond
	if x < 2*y || y < 0.05 {
		t.Errorf("shares %.2f and %.2f", x, y)
	}
}
