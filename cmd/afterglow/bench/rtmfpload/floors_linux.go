package rtmfpload

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/udp"
)

type sealArgs struct {
	protected
	Ciphers int // used in turn, as those of sessions
	Burst   int
	Packets uint64
}

// sealFloor seals packets, and does nothing else.
func sealFloor(_ context.Context, args sealArgs) (Use, error) {
	ciphers := make([]rtmfp.Cipher, args.Ciphers)
	for i := range ciphers {
		var err error
		if ciphers[i], err = args.cipher(); err != nil {
			return Use{}, err
		}
	}
	buffer := make([]byte, 0, udp.RoomSize)
	m, err := startMeter("")
	if err != nil {
		return Use{}, err
	}
	for n := uint64(0); n < args.Packets; {
		c := ciphers[n/uint64(args.Burst)%uint64(len(ciphers))]
		for range args.Burst {
			c.Seal(buffer[:plainSize])
			n++
		}
	}
	return m.stop()
}

// plainSize is what has to be sealed of a datagram: all but session ID and HMAC.
const plainSize = datagramSize - 4 - 16

// cipher makes one with keys of its own.
func (p protected) cipher() (rtmfp.Cipher, error) {
	var keys [96]byte
	if _, err := rand.Read(keys[:]); err != nil {
		return nil, err
	}
	length := 0
	if p.HMAC {
		length = 16
	}
	line := fmt.Sprintf("secret=%x encrypt=%x decrypt=%x hmac-send=%d hmac-receive=%d sequence-send=%t sequence-receive=%t",
		keys[:32], keys[32:64], keys[64:], length, length, p.Sequence, p.Sequence)
	cipher, _, err := flash.ParseKeyLog(line)
	return cipher, err
}

// plainReceiver takes datagrams that have no protocol.
type plainReceiver struct {
	sockets []udp.Conn
	running sync.WaitGroup
	count   atomic.Uint64
	size    atomic.Uint64
	meter   *meter
}

// answerEvery is how many datagrams of a socket call for an answer, which tells the sender that there is room.
const answerEvery = 64

// listen begins to receive on so many sockets.
func (p *plainReceiver) listen(ctx context.Context, sockets int) (addresses []netip.AddrPort, err error) {
	p.close()
	p.count.Store(0)
	p.size.Store(0)
	for range sockets {
		opened, err := udp.Listen(ctx, "127.0.0.1:0", 1, udp.Options{})
		if err != nil {
			return nil, err
		}
		p.sockets = append(p.sockets, opened[0])
		addresses = append(addresses, opened[0].LocalAddr())
		p.running.Go(func() { p.receive(opened[0]) })
	}
	p.meter, err = startMeter("")
	return addresses, err
}

func (p *plainReceiver) receive(socket udp.Conn) {
	var from netip.AddrPort
	var count, bytes, answered uint64
	take := func(sender netip.AddrPort, datagram []byte) {
		from = sender
		count++
		bytes += uint64(len(datagram))
	}
	for {
		before, size := count, bytes
		if _, err := socket.Read(take); err != nil {
			return
		}
		p.count.Add(count - before)
		p.size.Add(bytes - size)
		if count-answered < answerEvery {
			continue
		}
		binary.BigEndian.PutUint64(socket.Room(), count-answered)
		socket.Send(8, from)
		socket.Flush()
		answered = count
	}
}

// plainTaken is what a receiver has taken.
type plainTaken struct {
	Use       Use
	Datagrams uint64
	Bytes     uint64
}

// received ends the receiving, once so many datagrams have come or it takes too long.
func (p *plainReceiver) received(ctx context.Context, datagrams uint64) (plainTaken, error) {
	for deadline := time.Now().Add(arrivalLimit); time.Now().Before(deadline) && p.count.Load() < datagrams; {
		if err := pause(ctx, pollEvery); err != nil {
			return plainTaken{}, err
		}
	}
	use, err := p.meter.stop()
	p.close()
	return plainTaken{Use: use, Datagrams: p.count.Load(), Bytes: p.size.Load()}, err
}

func (p *plainReceiver) close() {
	for _, s := range p.sockets {
		_ = s.Close()
	}
	p.running.Wait()
	p.sockets = nil
}

type plainArgs struct {
	To       []netip.AddrPort
	Sessions int
	Burst    int
	Packets  uint64
}

// plainWindow is how many datagrams may be on their way for each session: as many as RTMFP has, and what answers lag behind.
func (a plainArgs) plainWindow() int { return a.Sessions*a.Burst + 2*answerEvery*len(a.To) }

// sendPlain sends bursts to one address after the other.
func sendPlain(ctx context.Context, args plainArgs) (Use, error) {
	opened, err := udp.Listen(ctx, "127.0.0.1:0", 1, udp.Options{})
	if err != nil {
		return Use{}, err
	}
	socket := opened[0]
	defer func() { _ = socket.Close() }()
	m, err := startMeter("")
	if err != nil {
		return Use{}, err
	}
	s := plainSender{plainArgs: args, socket: socket}
	err = s.run()
	use, e := m.stop()
	return use, errors.Join(err, e)
}

type plainSender struct {
	plainArgs
	socket udp.Conn
	onWay  int
}

func (s *plainSender) run() error {
	window := s.plainWindow()
	for n := uint64(0); n < s.Packets; {
		to := s.To[n/uint64(s.Burst)%uint64(len(s.To))]
		for range s.Burst {
			_ = s.socket.Room()
			s.socket.Send(datagramSize, to)
			n++
		}
		s.onWay += s.Burst
		if s.onWay < window {
			continue
		}
		if err := s.await(window); err != nil {
			return err
		}
	}
	s.socket.Flush()
	return nil
}

// await waits until there is room. What is lost on the way is given up after a while.
func (s *plainSender) await(window int) error {
	s.socket.Flush()
	s.socket.SetWake(time.Now().Add(time.Second))
	for s.onWay >= window {
		n, err := s.socket.Read(func(_ netip.AddrPort, answer []byte) {
			if len(answer) == 8 {
				s.onWay -= int(binary.BigEndian.Uint64(answer))
			}
		})
		if err != nil {
			return err
		}
		if n == 0 {
			s.onWay = 0
		}
	}
	return nil
}
