package rtmfp

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
)

func newTestMailbox() (m *mailbox, wakes *int) {
	wakes = new(int)
	return &mailbox{wake: func() { *wakes++ }}, wakes
}

func TestMailboxWakesItsShardOnceForAllThatWaits(t *testing.T) {
	m, wakes := newTestMailbox()
	for range 10 {
		m.put(func() {})
		m.hand(&batch{})
	}
	if *wakes != 1 {
		t.Errorf("%d wakes", *wakes)
	}
	letters := m.take(mail{})
	if len(letters.calls) != 10 || len(letters.batches) != 10 {
		t.Errorf("%d calls, %d batches", len(letters.calls), len(letters.batches))
	}
	m.hand(&batch{})
	m.offer(func() {})
	if *wakes != 2 {
		t.Errorf("%d wakes after the mailbox was empty", *wakes)
	}
}

func TestMailboxBoundsWhatFarEndsCause(t *testing.T) {
	m, _ := newTestMailbox()
	for range maxHandedCalls {
		if !m.offer(func() {}) {
			t.Fatal("refused too early")
		}
	}
	if m.offer(func() {}) {
		t.Error("took too many calls of other shards")
	}
	if !m.put(func() {}) {
		t.Error("refused a call of the application")
	}
	full := &batch{datagrams: make([]handedDatagram, 3)}
	for range maxHandedBatches {
		if !m.hand(full) {
			t.Fatal("dropped too early")
		}
	}
	if m.hand(full) || m.dropped.Load() != 3 || m.handed.Load() != 3*maxHandedBatches {
		t.Errorf("dropped %d, handed %d", m.dropped.Load(), m.handed.Load())
	}
	m.close()
	if m.put(func() {}) || m.offer(func() {}) || m.hand(full) {
		t.Error("a closed mailbox took something")
	}
	if letters := m.take(mail{}); len(letters.calls) != maxHandedCalls+1 {
		t.Errorf("%d calls are left", len(letters.calls))
	}
}

func TestMailboxForgetsABurst(t *testing.T) {
	m, _ := newTestMailbox()
	for range 100 * maxHandedCalls {
		m.put(func() {})
	}
	if left := m.take(mail{}).emptied(); cap(left.calls) != 0 {
		t.Errorf("%d places are kept", cap(left.calls))
	}
}

func TestSorterHandsOverDatagramsWholeAndInOrder(t *testing.T) {
	pool := &batchPool{}
	a, _ := newTestMailbox()
	b, _ := newTestMailbox()
	s := newSorter(pool, []*mailbox{a, b})
	large := bytes.Repeat([]byte{7}, 65507)
	sent := map[*mailbox][][]byte{}
	for i, d := range [][]byte{[]byte("x"), {}, []byte("yy"), large, large, []byte("z"), {}} {
		to := []*mailbox{a, b}[i/3%2]
		sent[to] = append(sent[to], d)
		s.add(i/3%2, Path{Interface: uint8(i), Addr: netip.MustParseAddrPort(fmt.Sprint("192.0.2.1:", i+1))}, d)
	}
	s.flush()
	for i, m := range []*mailbox{a, b} {
		var got [][]byte
		for _, batch := range m.take(mail{}).batches {
			batch.each(func(from Path, datagram []byte) {
				if int(from.Interface)+1 != int(from.Addr.Port()) || cap(datagram) != len(datagram) {
					t.Errorf("from %v by %d, capacity %d of %d", from, from.Interface, cap(datagram), len(datagram))
				}
				got = append(got, bytes.Clone(datagram))
			})
		}
		if len(got) != len(sent[m]) {
			t.Fatalf("mailbox %d has %d datagrams, want %d", i, len(got), len(sent[m]))
		}
		for j := range got {
			if !bytes.Equal(got[j], sent[m][j]) {
				t.Errorf("mailbox %d: datagram %d is another", i, j)
			}
		}
	}
}

func TestHandingOverAllocatesNothing(t *testing.T) {
	pool := &batchPool{}
	m, _ := newTestMailbox()
	reader := newSorter(pool, []*mailbox{m})
	datagram := make([]byte, 1200)
	from := Path{Addr: netip.MustParseAddrPort("192.0.2.1:1935")}
	seen := 0
	var letters mail
	turn := func() {
		for range 100 {
			reader.add(0, from, datagram)
		}
		reader.flush()
		taken := m.take(letters)
		for _, b := range taken.batches {
			b.each(func(Path, []byte) { seen++ })
			pool.put(b)
		}
		letters = taken.emptied()
	}
	turn()
	turn()
	if allocs := testing.AllocsPerRun(100, turn); allocs != 0 {
		t.Errorf("%v allocations for 100 datagrams", allocs)
	}
	if seen != 103*100 {
		t.Errorf("%d datagrams seen", seen)
	}
}
