package simnet

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"afterglow/rtmfp"
)

var (
	alice  = netip.MustParseAddrPort("192.0.2.1:1935")
	bob    = netip.MustParseAddrPort("192.0.2.2:1935")
	alice6 = netip.MustParseAddrPort("[2001:db8::1]:1935")
	bob6   = netip.MustParseAddrPort("[2001:db8::2]:1935")
)

// probe is a node that notes what it gets, answers if it is told to, and has one timer.
type probe struct {
	host   *Host
	outlet rtmfp.Outlet
	timer  rtmfp.Instant
	echo   bool

	got    []arrival
	polled []rtmfp.Instant
	onPoll func(now rtmfp.Instant)
}

type arrival struct {
	at   rtmfp.Instant
	from rtmfp.Path
	data []byte
}

func attach(h *Host) *probe {
	p := &probe{host: h, outlet: h.Outlet(), timer: rtmfp.Never}
	h.Attach(p)
	p.polled = nil
	return p
}

func (p *probe) Receive(now rtmfp.Instant, from rtmfp.Path, datagram []byte) {
	p.got = append(p.got, arrival{at: now, from: from, data: slices.Clone(datagram)})
	if p.echo {
		p.sendBy(int(from.Interface), from.Addr, datagram)
	}
	for i := range datagram { // as a core does that decrypts in place
		datagram[i] = 0xee
	}
}

func (p *probe) Poll(now rtmfp.Instant) {
	p.polled = append(p.polled, now)
	if p.timer <= now {
		p.timer = rtmfp.Never
	}
	if p.onPoll != nil {
		p.onPoll(now)
	}
}

func (p *probe) NextTimer() rtmfp.Instant { return p.timer }

func (p *probe) send(to netip.AddrPort, data []byte) { p.sendBy(0, to, data) }

func (p *probe) sendBy(index int, to netip.AddrPort, data []byte) {
	p.outlet.Send(copy(p.outlet.Room(), data), rtmfp.Path{Interface: uint8(index), Addr: to})
}

// burst sends count datagrams of size bytes at once, each with its number.
func (p *probe) burst(to netip.AddrPort, count, size int) {
	data := make([]byte, size)
	for i := range count {
		binary.BigEndian.PutUint32(data, uint32(i))
		p.send(to, data)
	}
}

// flood sends count numbered datagrams of 4 bytes to bob, a thousand at a time, and lets each thousand arrive.
func (p *probe) flood(count int) {
	for i := range count {
		p.send(bob, binary.BigEndian.AppendUint32(nil, uint32(i)))
		if i%1000 == 999 {
			p.host.network.RunFor(time.Second)
		}
	}
}

func (a arrival) number() int { return int(binary.BigEndian.Uint32(a.data)) }

// pair is a network in which alice's up link has the conditions and everything else is perfect.
func pair(c Conditions) (n *Network, from, to *probe) {
	n = New(7)
	from, to = attach(n.NewHost(alice)), attach(n.NewHost(bob))
	from.host.Up().Set(c)
	return n, from, to
}

// within fails the test unless what is near to want.
func within(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if got < want-tolerance || got > want+tolerance {
		t.Errorf("%s is %v, want %v ± %v", what, got, want, tolerance)
	}
}

func at(d time.Duration) rtmfp.Instant { return rtmfp.Instant(d) }

// balanced fails the test unless each datagram on the link has one end.
func balanced(t *testing.T, l *Link) {
	t.Helper()
	c := l.Counters()
	if in, out := c.Offered+c.Duplicated, c.Passed+c.Lost+c.QueueFull+c.TooBig+c.Blackout; in != out {
		t.Errorf("%v: %d datagrams in, %d out: %+v", l, in, out, c)
	}
}
