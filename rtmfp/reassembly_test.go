package rtmfp

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"afterglow/rtmfp/wire"
)

// fragmentModel is the method of RFC 7016 3.6.3.3, word for word, on fragments in a map.
type fragmentModel struct {
	networkOrder bool
	set          map[uint64]bool
	held         map[uint64]fragmentEntry
	complete     [][2]uint64 // in network order: first and last
	delivered    uint64
	discarded    bool
}

type fragmentEntry struct {
	control wire.FragmentControl
	data    []byte
}

func (m *fragmentModel) cumulative() uint64 {
	n := uint64(0)
	for m.set[n+1] {
		n++
	}
	return n
}

func (m *fragmentModel) size() int {
	size := 0
	for _, f := range m.held {
		size += len(f.data) + fragmentOverhead
	}
	return size
}

func (m *fragmentModel) insert(n uint64, control wire.FragmentControl, data []byte) {
	m.held[n] = fragmentEntry{control, data}
	if !m.networkOrder {
		return
	}
	first := n
	for first > 0 && m.continues(first) {
		first--
	}
	if last, ok := m.message(first); ok && first <= n && n <= last {
		m.complete = append(m.complete, [2]uint64{first, last})
	}
}

// continues tells whether the fragment before n is of the same message.
func (m *fragmentModel) continues(n uint64) bool {
	here, ok := m.held[n]
	before, there := m.held[n-1]
	return ok && there && (here.control == wire.Middle || here.control == wire.End) &&
		(before.control == wire.Begin || before.control == wire.Middle)
}

// message gives the last fragment that is part of the message that begins at first, and whether that is all of it.
func (m *fragmentModel) message(first uint64) (last uint64, complete bool) {
	for last = first; m.continues(last + 1); last++ {
	}
	begin, end := m.held[first].control, m.held[last].control
	_, ok := m.held[first]
	return last, ok && (begin == wire.Whole || begin == wire.Begin && end == wire.End)
}

func (m *fragmentModel) take(first, last uint64) assembled {
	a := assembled{data: []byte{}, first: first, last: last}
	for n := first; n <= last; n++ {
		a.data = append(a.data, m.held[n].data...)
		delete(m.held, n)
	}
	a.gap = m.discarded || !m.networkOrder && first != m.delivered+1
	m.delivered, m.discarded = last, false
	return a
}

func (m *fragmentModel) next() (assembled, bool) {
	if len(m.complete) > 0 {
		c := m.complete[0]
		m.complete = m.complete[1:]
		return m.take(c[0], c[1]), true
	}
	csn := m.cumulative()
	for n := uint64(1); n <= csn; n++ {
		entry, ok := m.held[n]
		if !ok {
			continue
		}
		if entry.control == wire.End || entry.control == wire.Middle {
			delete(m.held, n)
			m.discarded = true
			continue
		}
		last, complete := m.message(n)
		if complete {
			return m.take(n, last), true
		}
		if last >= csn {
			break
		}
		for i := n; i <= last; i++ {
			delete(m.held, i)
		}
		m.discarded = true
	}
	return assembled{}, false
}

// memory gives the bytes of all buffers that a reassembly holds, but not of the message that was delivered last.
func (r *reassembly) memory() int {
	total := 0
	add := func(p *piece) {
		for ; p != nil; p = p.next {
			total += cap(p.data)
		}
	}
	for _, block := range r.waiting.blocks {
		for _, s := range block {
			add(s.head)
		}
	}
	for s := r.ready; s != nil; s = s.next {
		add(s.head)
	}
	add(r.large)
	add(r.small)
	return total
}

func FuzzReassembly(f *testing.F) {
	order := []byte{0, 1, 5, 2, 6, 3, 7, 0, 9, 0, 250, 200}
	f.Add(false, []byte{1, 3, 3, 2, 0, 1, 2}, order)
	f.Add(true, []byte{1, 3, 3, 2, 0, 1, 2}, order)
	f.Add(false, []byte{1, 3, 2}, []byte{3, 2, 1, 0, 0, 0})
	f.Add(true, []byte{1, 2, 1, 2, 0, 0}, []byte{4, 3, 2, 1, 0, 254, 6, 5})
	f.Add(false, []byte{2, 3, 1, 1, 3, 0, 2, 2}, []byte{1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 251, 4, 7, 8, 0})
	f.Fuzz(func(t *testing.T, networkOrder bool, controls, steps []byte) {
		if len(controls) == 0 || len(controls) > 200 || len(steps) > 1000 {
			return
		}
		c := newReassemblyCheck(t, networkOrder, controls)
		for i, step := range steps {
			c.step(step, steps[(i+1)%len(steps)])
		}
		c.deliver()
	})
}

func TestReassemblyFollowsTheRFC(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 3000 {
		controls := make([]byte, 1+random.IntN(20))
		for j := range controls {
			controls[j] = byte(random.Uint32())
			if i%2 == 0 && j > 0 && (controls[j-1]&3 == byte(wire.Begin) || controls[j-1]&3 == byte(wire.Middle)) {
				controls[j] = byte(wire.End) + byte(random.IntN(2)) // half of all sequences are well formed
			}
		}
		c := newReassemblyCheck(t, i%4 < 2, controls)
		for range 60 {
			c.step(byte(random.Uint32()), byte(random.Uint32()))
		}
		c.deliver()
	}
}

// reassemblyCheck drives a reassembly and the model alike.
type reassemblyCheck struct {
	t        *testing.T
	controls []byte
	buffer   reassembly
	set      sequenceSet
	model    fragmentModel
}

func newReassemblyCheck(t *testing.T, networkOrder bool, controls []byte) *reassemblyCheck {
	return &reassemblyCheck{
		t: t, controls: controls, buffer: reassembly{networkOrder: networkOrder},
		model: fragmentModel{networkOrder: networkOrder, set: map[uint64]bool{}, held: map[uint64]fragmentEntry{}},
	}
}

func (c *reassemblyCheck) step(step, argument byte) {
	switch {
	case step == 0:
		c.deliver()
	case step == 255:
		c.buffer.trim()
	case step > 250:
		c.forward(uint64(argument) % uint64(len(c.controls)+1))
	default:
		c.receive(uint64(step-1)%uint64(len(c.controls)) + 1)
	}
	if c.buffer.size() != c.model.size() {
		c.t.Fatalf("size %d, want %d", c.buffer.size(), c.model.size())
	}
	if c.buffer.memory() > 3*c.buffer.size()+2*keptLarge+keptSmall {
		c.t.Fatalf("%d bytes of memory for %d", c.buffer.memory(), c.buffer.size())
	}
}

func (c *reassemblyCheck) receive(n uint64) {
	if c.set.contains(n) {
		return
	}
	control := c.controls[n-1]
	data := bytes.Repeat([]byte{byte(n)}, int(control)*8)
	fragment := wire.FragmentControl(control & 3)
	if err := c.buffer.insert(n, fragment, data); err != nil {
		c.t.Fatal(err)
	}
	c.model.insert(n, fragment, data)
	c.set.add(n)
	c.model.set[n] = true
}

func (c *reassemblyCheck) forward(n uint64) {
	c.set.forward(n)
	for i := uint64(1); i <= n; i++ {
		c.model.set[i] = true
	}
}

func (c *reassemblyCheck) deliver() {
	for {
		got, ok := c.buffer.next(c.set.cumulative())
		want, more := c.model.next()
		if ok != more || got.first != want.first || got.last != want.last || got.gap != want.gap || !bytes.Equal(got.data, want.data) {
			c.t.Fatalf("%v %d-%d gap %v %d bytes, want %v %d-%d gap %v %d bytes", ok, got.first, got.last, got.gap, len(got.data),
				more, want.first, want.last, want.gap, len(want.data))
		}
		if !ok {
			return
		}
	}
}

// longMessage gives the fragments of one message.
func longMessage(first uint64, fragments int) []wire.UserData {
	all := make([]wire.UserData, fragments)
	for i := range all {
		all[i] = wire.UserData{Sequence: first + uint64(i), Fragment: wire.Middle, Data: bytes.Repeat([]byte{byte(i)}, 1150)}
	}
	all[0].Fragment = wire.Begin
	all[fragments-1].Fragment = wire.End
	return all
}

func insertAll(t testing.TB, r *reassembly, fragments []wire.UserData) {
	t.Helper()
	for _, u := range fragments {
		if err := r.insert(u.Sequence, u.Fragment, u.Data); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLongMessageInAnyOrderIsWhole(t *testing.T) {
	const n = 20_000
	inOrder := longMessage(1, n)
	var want []byte
	for _, u := range inOrder {
		want = append(want, u.Data...)
	}
	reverse := slices.Clone(inOrder)
	slices.Reverse(reverse)
	shuffled := slices.Clone(inOrder)
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for name, fragments := range map[string][]wire.UserData{"in order": inOrder, "reverse": reverse, "shuffled": shuffled} {
		for _, networkOrder := range []bool{false, true} {
			r := reassembly{networkOrder: networkOrder}
			insertAll(t, &r, fragments[:n-1])
			if _, ok := r.next(0); ok {
				t.Errorf("%s: delivered without its last fragment", name)
			}
			insertAll(t, &r, fragments[n-1:])
			m, ok := r.next(n)
			if !ok || m.first != 1 || m.last != n || m.gap || !bytes.Equal(m.data, want) {
				t.Errorf("%s: %v %d-%d gap %v, %d bytes", name, ok, m.first, m.last, m.gap, len(m.data))
			}
			if r.size() != 0 || r.waiting.first() != nil {
				t.Errorf("%s: %d bytes left", name, r.size())
			}
		}
	}
}

func TestMessagesInReverseAreDeliveredInOrder(t *testing.T) {
	const n = 5000
	var r reassembly
	for i := uint64(n); i > 0; i-- {
		if err := r.insert(i, wire.Whole, strconv.AppendUint(nil, i, 10)); err != nil {
			t.Fatal(err)
		}
	}
	for i := uint64(1); i <= n; i++ {
		m, ok := r.next(n)
		if !ok || m.first != i || m.gap || string(m.data) != strconv.FormatUint(i, 10) {
			t.Fatalf("message %d: %v %d %q", i, ok, m.first, m.data)
		}
	}
}

func TestFragmentsInOrderAreOneBuffer(t *testing.T) {
	var r reassembly
	insertAll(t, &r, longMessage(1, 1000))
	if s := r.waiting.first(); s.head != s.tail || cap(s.head.data) > 2*1000*1150+4096 {
		t.Errorf("pieces were made, or room for %d bytes", cap(s.head.data))
	}
}

func TestMessagesInOrderAllocateNothing(t *testing.T) {
	for name, count := range map[string]int{"40 fragments": 40, "2 fragments": 2} {
		var r reassembly
		fragments := longMessage(1, count)
		next := uint64(1)
		allocs := testing.AllocsPerRun(100, func() {
			for _, u := range fragments {
				if r.insert(next, u.Fragment, u.Data) != nil {
					t.Fatal("not taken")
				}
				next++
				r.next(next - 1)
			}
			r.next(next - 1)
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations for each message", name, allocs)
		}
	}
}

func TestLittleIsKeptOfLongMessages(t *testing.T) {
	var r reassembly
	insertAll(t, &r, longMessage(1, 10_000))
	if m, ok := r.next(10_000); !ok || len(m.data) != 11_500_000 {
		t.Fatal("not delivered")
	}
	r.next(10_000)
	insertAll(t, &r, longMessage(10_001, 50))
	r.next(10_050)
	shuffled := longMessage(10_051, 500)
	slices.Reverse(shuffled)
	insertAll(t, &r, shuffled)
	r.next(10_550)
	r.next(10_550)
	if r.memory() > keptLarge+keptSmall {
		t.Errorf("%d bytes are kept", r.memory())
	}
	if r.memory() == 0 {
		t.Error("nothing is kept")
	}
	r.trim()
	if r.memory() != 0 {
		t.Errorf("%d bytes after trim", r.memory())
	}
}

func TestTinyFragmentsHoldNoLargeBuffers(t *testing.T) {
	var r reassembly
	next := uint64(1)
	for range 300 {
		for _, u := range longMessage(next, 40) {
			insertAll(t, &r, []wire.UserData{u})
		}
		r.next(next + 39)
		next += 40
		// Each of these begins where a large buffer might serve it, and is never finished.
		if err := r.insert(next+1_000_000, wire.Begin, []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	if r.memory() > 4*r.size()+2*keptLarge+keptSmall {
		t.Errorf("%d bytes of memory for %d", r.memory(), r.size())
	}
}

func TestTinyFragmentsHoldNoPieces(t *testing.T) {
	var r reassembly
	next := uint64(1)
	for range 100 {
		pieces := longMessage(next, 28)
		slices.Reverse(pieces)
		insertAll(t, &r, pieces)
		r.next(next + 27)
		next += 28
		for i := range uint64(28) {
			insertAll(t, &r, []wire.UserData{{Sequence: 1_000_000 + 100*next + 2*i, Fragment: wire.Middle, Data: []byte{1}}})
		}
	}
	if r.memory() > 4*r.size()+2*keptLarge+keptSmall {
		t.Errorf("%d bytes of memory for %d", r.memory(), r.size())
	}
}

func TestMessageBeyondTheLimitIsRefused(t *testing.T) {
	for name, order := range map[string][]int{"at its end": {0, 1, 2}, "at its beginning": {2, 1, 0}, "in its middle": {0, 2, 1}} {
		fragments := longMessage(1, 3)
		r := reassembly{limit: 3*1150 - 1}
		insertAll(t, &r, []wire.UserData{fragments[order[0]], fragments[order[1]]})
		size := r.size()
		u := fragments[order[2]]
		if err := r.insert(u.Sequence, u.Fragment, u.Data); !errors.Is(err, ErrMessageTooLong) || r.size() != size {
			t.Errorf("%s: %v, size %d after %d", name, err, r.size(), size)
		}
		r.clear()
		r.limit++
		insertAll(t, &r, fragments)
	}
	r := reassembly{limit: 3}
	if err := r.insert(1, wire.Whole, []byte("long")); !errors.Is(err, ErrMessageTooLong) {
		t.Errorf("whole: %v", err)
	}
	if err := r.insert(1, wire.Whole, []byte("not")); err != nil {
		t.Errorf("whole within the limit: %v", err)
	}
}

func TestGapTellsOfAbandonedMessages(t *testing.T) {
	var r reassembly
	if r.passed(1) {
		t.Error("the first message follows a gap")
	}
	insertAll(t, &r, []wire.UserData{{Sequence: 3, Data: []byte("x")}, {Sequence: 4, Data: []byte("y")}})
	if m, ok := r.next(4); !ok || !m.gap {
		t.Errorf("message 3 after 1: %v, gap %v", ok, m.gap)
	}
	if m, ok := r.next(4); !ok || m.gap {
		t.Errorf("message 4 after 3: %v, gap %v", ok, m.gap)
	}
	if r.passed(5) || !r.passed(7) || r.passed(8) {
		t.Error("wrong gaps for messages that passed")
	}
	r.networkOrder = true
	insertAll(t, &r, longMessage(9, 3)[1:2])
	r.next(10)
	if !r.passed(20) || r.passed(15) {
		t.Error("wrong gaps in network order")
	}
	insertAll(t, &r, longMessage(30, 3)[:1])
	r.clear()
	if !r.passed(31) {
		t.Error("what clear discarded is no gap")
	}
}

func TestMessageInProgressIsKept(t *testing.T) {
	var r reassembly
	fragments := longMessage(1, 4)
	insertAll(t, &r, fragments[:2])
	if r.next(2); r.size() != 2*(1150+fragmentOverhead) || r.inProgress(2) != r.size() || r.inProgress(3) != 0 {
		t.Fatal("a message in progress was discarded")
	}
	if r.next(3); r.size() != 0 {
		t.Fatal("a message whose third fragment was given up is still held")
	}
	insertAll(t, &r, fragments[3:])
	if _, ok := r.next(4); ok || r.size() != 0 {
		t.Error("its end is still held, or was delivered")
	}
}

func BenchmarkReassemblyInReverse(b *testing.B) {
	fragments := longMessage(1, 20_000)
	for i := range fragments {
		fragments[i].Fragment = wire.Whole
	}
	slices.Reverse(fragments)
	for b.Loop() {
		var r reassembly
		insertAll(b, &r, fragments)
		for range fragments {
			r.next(20_000)
		}
	}
}

func BenchmarkReassemblyInOrder(b *testing.B) {
	var r reassembly
	fragments := longMessage(1, 40)
	b.SetBytes(40 * 1150)
	for b.Loop() {
		insertAll(b, &r, fragments)
		r.next(40)
	}
}
