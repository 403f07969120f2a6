package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

const (
	// maxDatagram is the largest payload of UDP over IPv4; no buffer needs more for one datagram.
	maxDatagram = 65507

	// glance is how long a portable socket waits for a datagram if it should not wait at all: its poller cannot look
	// without waiting. Systems make a millisecond or more of it when nothing else is to be done.
	glance = 50 * time.Microsecond

	// maxErrors is how many errors without a datagram between them Read passes over.
	maxErrors = 128
)

// portable is a socket that package net knows how to serve: a system call for each datagram.
type portable struct {
	conn   *net.UDPConn
	local  netip.AddrPort
	alarm  alarm
	count  counters
	failed int // errors since the last datagram
	input  []byte
	room   []byte
	closed atomic.Bool
}

func newPortable(conn *net.UDPConn, options Options) *portable {
	_ = conn.SetReadBuffer(options.receiveBuffer()) // what the system refuses is not worth failing for
	_ = conn.SetWriteBuffer(options.sendBuffer())
	return &portable{
		conn:  conn,
		local: localAddr(conn),
		alarm: alarm{file: conn},
		input: make([]byte, maxDatagram+1),
		room:  make([]byte, RoomSize),
	}
}

// Read gives one datagram at most.
func (p *portable) Read(receive func(from netip.AddrPort, datagram []byte)) (int, error) {
	for {
		waits := p.alarm.park()
		if !waits {
			p.alarm.set(time.Now().Add(glance))
		}
		n, from, err := p.conn.ReadFromUDPAddrPort(p.input)
		p.count.receiveCalls.Add(1)
		woken := p.alarm.unpark()
		switch {
		case err == nil:
			p.received(n)
			receive(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), p.input[:n:n])
			return 1, nil
		case p.closed.Load():
			return 0, net.ErrClosed
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.alarm.fired = true
			if !waits || woken || p.alarm.due() {
				return 0, nil
			}
		default:
			return 0, p.passOver(err)
		}
	}
}

func (p *portable) received(n int) {
	p.failed = 0
	p.count.received.Add(1)
	p.count.receivedBytes.Add(uint64(n))
}

// passOver keeps an error that the next Read may not meet from ending the loop.
func (p *portable) passOver(err error) error {
	p.count.receiveErrors.Add(1)
	if p.failed++; p.failed < maxErrors {
		return nil
	}
	return err
}

func (p *portable) SetWake(at time.Time)      { p.alarm.want = at }
func (p *portable) Wake()                     { p.alarm.wake() }
func (p *portable) Room() []byte              { return p.room }
func (p *portable) Flush()                    {}
func (p *portable) LocalAddr() netip.AddrPort { return p.local }

// Send sends at once. It may wait for the system to have room, which takes about as long as a packet is on the wire.
func (p *portable) Send(n int, to netip.AddrPort) {
	checkSize(n, len(p.room))
	if n == 0 {
		return
	}
	p.count.sendCalls.Add(1)
	if _, err := p.conn.WriteToUDPAddrPort(p.room[:n], to); err != nil {
		p.count.dropped(err).Add(1)
		return
	}
	p.count.sent.Add(1)
	p.count.sentBytes.Add(uint64(n))
}

func (p *portable) Stats() Stats { return p.count.snapshot() }

func (p *portable) Close() error {
	if p.closed.Swap(true) {
		return net.ErrClosed
	}
	return p.conn.Close()
}
