package simnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTapSeesEachDatagramEndOnce(t *testing.T) {
	n, a, b := pair(Conditions{Delay: time.Second, MTU: 100})
	b.host.Down().Set(Conditions{Delay: time.Second})
	var seen []Event
	n.Tap(func(e Event) {
		e.Datagram = slices.Clone(e.Datagram)
		seen = append(seen, e)
		if e.Fate == Delivered && len(b.got) != 0 {
			t.Error("the receiver had it before the tap")
		}
	})
	n.RunFor(time.Second)
	a.send(bob, []byte("arrives"))
	a.send(bob, make([]byte, 200))
	n.RunFor(time.Minute)
	if len(seen) != 2 {
		t.Fatalf("%d events", len(seen))
	}
	big, arrived := seen[0], seen[1]
	if big.Fate != TooBig || big.Link != a.host.Up() || big.At != at(time.Second) || len(big.Datagram) != 200 {
		t.Error(big)
	}
	if arrived.Fate != Delivered || arrived.Link != nil || arrived.Sent != at(time.Second) || arrived.At != at(3*time.Second) ||
		arrived.From != alice || arrived.To != bob || string(arrived.Datagram) != "arrives" {
		t.Error(arrived)
	}
	if got := arrived.String(); got != "3.000000000 192.0.2.1:1935 > 192.0.2.2:1935 7 bytes, sent 2s before: delivered" {
		t.Error(got)
	}
	if got := big.String(); !strings.HasSuffix(got, "too big on 192.0.2.1:1935 up") {
		t.Error(got)
	}
}

func TestTapSeesEachFate(t *testing.T) {
	n, a, b := pair(Conditions{})
	nat := n.NewNAT(outer, NATSettings{})
	var seen []Fate
	n.Tap(func(e Event) { seen = append(seen, e.Fate) })
	for _, c := range []Conditions{{}, {Loss: 1}, {Rate: 1, Queue: 1}, {MTU: 20}} {
		a.host.Up().Set(c)
		a.burst(bob, 2, 4)
		n.RunFor(time.Hour)
	}
	a.host.Up().Set(Conditions{})
	b.host.Down().Blackout(time.Second)
	a.burst(bob, 1, 4)
	a.send(nat.NewHost(netipPort(1)).Addr(0), nil)
	b.host.Down().Blackout(0)
	n.RunFor(time.Hour)
	for fate := Delivered; fate <= Unreachable; fate++ {
		if fate != Filtered && !slices.Contains(seen, fate) {
			t.Errorf("%v was not seen", fate)
		}
		if strings.Contains(fate.String(), "fate") {
			t.Errorf("fate %d has no name", fate)
		}
	}
	if got := Fate(99).String() + NATKind(99).String(); got != "fate 99NAT kind 99" {
		t.Error(got)
	}
}

func TestPcapHoldsValidPackets(t *testing.T) {
	n := New(1)
	var file bytes.Buffer
	capture := NewPcap(&file)
	n.Tap(capture.Record)
	a, b := attach(n.NewHost(alice, alice6)), attach(n.NewHost(bob, bob6))
	b.host.Down().Set(Conditions{Delay: 1_500_000_001})
	a.sendBy(0, bob, []byte("odd"))
	a.sendBy(1, bob6, []byte("even"))
	a.sendBy(9, bob6, []byte("never on a network"))
	n.RunFor(time.Minute)
	if capture.Err() != nil {
		t.Fatal(capture.Err())
	}
	all := file.Bytes()
	want := []byte{0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 101, 0, 0, 0}
	if !bytes.Equal(all[:24], want) {
		t.Fatalf("header % x", all[:24])
	}
	v4, rest := record(t, all[24:])
	v6, rest := record(t, rest)
	if len(rest) != 0 || len(v4) != 31 || len(v6) != 52 {
		t.Fatalf("%d, %d and %d bytes", len(v4), len(v6), len(rest))
	}
	if v4[0] != 0x45 || fold(sum(0, v4[:20])) != 0xffff || string(v4[28:]) != "odd" || binary.BigEndian.Uint16(v4[2:]) != 31 {
		t.Errorf("% x", v4)
	}
	if fold(sum(17+11, v4[12:])) != 0xffff || binary.BigEndian.Uint16(v4[20:]) != 1935 || !bytes.Equal(v4[12:16], []byte{192, 0, 2, 1}) {
		t.Errorf("% x", v4)
	}
	if v6[0] != 0x60 || fold(sum(17+12, v6[8:])) != 0xffff || string(v6[48:]) != "even" || binary.BigEndian.Uint16(v6[4:]) != 12 {
		t.Errorf("% x", v6)
	}
}

// record takes the first record off, and checks its time and lengths.
func record(t *testing.T, b []byte) (packet, rest []byte) {
	t.Helper()
	var head [4]uint32
	for i := range head {
		head[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	if head[0] != 1 || head[1] != 500_000_001 || head[2] != head[3] {
		t.Fatalf("record header %v", head)
	}
	return b[16 : 16+head[2]], b[16+head[2]:]
}

type failing struct{ calls int }

func (f *failing) Write([]byte) (int, error) { f.calls++; return 0, errFull }

var errFull = errors.New("full")

func TestPcapStopsAtTheFirstError(t *testing.T) {
	n, a, _ := pair(Conditions{})
	w := &failing{}
	capture := NewPcap(w)
	n.Tap(capture.Record)
	a.burst(bob, 3, 4)
	n.RunFor(0)
	if capture.Err() != errFull || w.calls != 1 {
		t.Fatalf("%v after %d writes", capture.Err(), w.calls)
	}
}
