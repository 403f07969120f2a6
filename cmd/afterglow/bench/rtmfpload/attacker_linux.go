package rtmfpload

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/udp"
	"afterglow/rtmfp/wire"
)

// attacker sends what no honest end would, from many ports.
type attacker struct {
	target    target
	ports     []port
	random    *mathrand.Rand
	startup   rtmfp.Cipher
	keyings   []wire.IIKeying
	recorded  [][]byte
	server    *flash.Certificate
	protected protected
}

// port is one of the sockets that an attacker sends from.
type port struct {
	socket udp.Conn
	cookie []byte // that the server has given it
}

type prepareArgs struct {
	protected
	Target   target
	Ports    int
	Recorded [][]byte
}

// preparedKeyings is how many different IIKeyings there are to be sent again with other numbers.
const preparedKeyings = 64

// prepare opens the ports and makes what can be made beforehand. From then on the process has the lowest priority: it shares its
// core with the innocents' client, whose latency shall tell of the server and not of this process.
func (a *attacker) prepare(ctx context.Context, args prepareArgs) (none, error) {
	a.target, a.recorded, a.protected = args.Target, args.Recorded, args.protected
	a.random = mathrand.New(mathrand.NewPCG(1, 2))
	a.startup = flash.Profile{}.NewDefaultCipher()
	for range args.Ports {
		opened, err := udp.Listen(ctx, "127.0.0.1:0", 1, udp.Options{ReceiveBuffer: 1 << 16, SendBuffer: 1 << 18})
		if err != nil {
			return none{}, err
		}
		a.ports = append(a.ports, port{socket: opened[0]})
	}
	if err := a.greet(); err != nil {
		return none{}, err
	}
	if err := a.prepareKeyings(); err != nil {
		return none{}, err
	}
	return none{}, lowerPriority()
}

// greet gets a cookie for each port, and the server's certificate.
func (a *attacker) greet() error {
	for i := range a.ports {
		p := &a.ports[i]
		for range 5 {
			a.seal(p.socket, 0, wire.IHello{Discriminator: a.target.Discriminator, Tag: []byte("greeting")}.Append)
			p.socket.Flush()
			if err := a.readHello(p); err != nil {
				return err
			}
			if p.cookie != nil {
				break
			}
		}
		if p.cookie == nil {
			return fmt.Errorf("no cookie for port %d", i)
		}
	}
	return nil
}

// readHello waits a moment for an RHello.
func (a *attacker) readHello(p *port) error {
	p.socket.SetWake(time.Now().Add(time.Second))
	_, err := p.socket.Read(func(_ netip.AddrPort, datagram []byte) {
		plain, err := a.startup.Open(datagram[min(len(datagram), wire.SessionIDSize):])
		if err != nil {
			return
		}
		_, chunks, err := wire.ParseHeader(plain)
		if err != nil {
			return
		}
		chunk, _, ok := wire.NextChunk(chunks)
		if !ok || chunk.Type != wire.ChunkRHello {
			return
		}
		hello, err := wire.ParseRHello(chunk.Payload)
		if err != nil {
			return
		}
		p.cookie = append([]byte(nil), hello.Cookie...)
		if a.server == nil {
			certificate, err := flash.Profile{}.ParseCertificate(hello.Certificate)
			if err == nil {
				a.server, _ = certificate.(*flash.Certificate)
			}
		}
	})
	return err
}

func (a *attacker) prepareKeyings() error {
	for range preparedKeyings {
		identity, err := a.protected.identity([]flash.Group{flash.Group2}, nil)
		if err != nil {
			return err
		}
		initiation, err := identity.Initiate(rand.Reader, a.server)
		if err != nil {
			return err
		}
		a.keyings = append(a.keyings, wire.IIKeying{
			Certificate: identity.Certificate().Bytes(), Component: initiation.Component(), Signature: []byte("X"),
		})
	}
	return nil
}

// lowerPriority puts this process behind all others that want its core.
func lowerPriority() error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, _ := strconv.Atoi(t.Name())
		if err := unix.Setpriority(unix.PRIO_PROCESS, tid, 19); err != nil && err != unix.ESRCH {
			return fmt.Errorf("priority: %w", err)
		}
	}
	return nil
}

type attackArgs struct {
	Name string
	For  time.Duration
	Most uint64 // datagrams; 0 is as many as there is time for
}

// attacked is what an attack has sent.
type attacked struct {
	Datagrams uint64
	Bytes     uint64
	Use       Use
}

// flightOf is how many datagrams a port sends at a time.
const flightOf = 32

// attack sends datagrams of one kind, from one port after the other, as fast as it goes.
func (a *attacker) attack(ctx context.Context, args attackArgs) (attacked, error) {
	send := a.sender(args.Name)
	if send == nil {
		return attacked{}, fmt.Errorf("no attack %q, or nothing to send", args.Name)
	}
	before := a.sent()
	m, err := startMeter("")
	if err != nil {
		return attacked{}, err
	}
	end := time.Now().Add(args.For)
	var n uint64
	for i := 0; ctx.Err() == nil && time.Now().Before(end) && (args.Most == 0 || n < args.Most); i++ {
		p := &a.ports[i%len(a.ports)]
		for range flightOf {
			send(p)
			n++
		}
		p.socket.Flush()
	}
	use, err := m.stop()
	after := a.sent()
	return attacked{Datagrams: after.Datagrams - before.Datagrams, Bytes: after.Bytes - before.Bytes, Use: use}, err
}

func (a *attacker) sent() (sum attacked) {
	for _, p := range a.ports {
		stats := p.socket.Stats()
		sum.Datagrams += stats.Sent
		sum.Bytes += stats.SentBytes
	}
	return sum
}

// sender gives what sends one datagram of a kind; nil if there is none.
func (a *attacker) sender(name string) func(*port) {
	switch name {
	case "random":
		return a.sendRandom
	case "mutated":
		return a.ifRecorded(a.sendMutated)
	case "replayed":
		return a.ifRecorded(a.sendReplayed)
	case "hello":
		return a.sendHello
	case "forged":
		return a.sendForged
	case "keying":
		return a.sendKeying
	}
	return nil
}

func (a *attacker) ifRecorded(send func(*port)) func(*port) {
	if len(a.recorded) == 0 {
		return nil
	}
	return send
}

func (a *attacker) sendRandom(p *port) {
	room := p.socket.Room()
	n := 1 + a.random.IntN(1400)
	for i := 0; i < n; i += 8 {
		binary.BigEndian.PutUint64(room[i:], a.random.Uint64())
	}
	p.socket.Send(n, a.target.Address)
}

func (a *attacker) sendReplayed(p *port) {
	n := copy(p.socket.Room(), a.recorded[a.random.IntN(len(a.recorded))])
	p.socket.Send(n, a.target.Address)
}

// sendMutated leaves the part that gives the session ID as it is, so that there is a session whose keys have to be used.
func (a *attacker) sendMutated(p *port) {
	const scrambling = wire.SessionIDSize + 8
	room := p.socket.Room()
	n := copy(room, a.recorded[a.random.IntN(len(a.recorded))])
	if n > scrambling {
		room[scrambling+a.random.IntN(n-scrambling)] ^= 1 << a.random.IntN(8)
	}
	p.socket.Send(n, a.target.Address)
}

func (a *attacker) sendHello(p *port) {
	var tag [16]byte
	binary.BigEndian.PutUint64(tag[:], a.random.Uint64())
	a.seal(p.socket, 0, wire.IHello{Discriminator: a.target.Discriminator, Tag: tag[:]}.Append)
}

func (a *attacker) sendForged(p *port) {
	var cookie [64]byte
	for i := 0; i < len(cookie); i += 8 {
		binary.BigEndian.PutUint64(cookie[i:], a.random.Uint64())
	}
	a.key(p, cookie[:])
}

func (a *attacker) sendKeying(p *port) { a.key(p, p.cookie) }

// key sends an IIKeying that differs from all others by its session ID and its public key.
func (a *attacker) key(p *port, cookie []byte) {
	k := &a.keyings[a.random.IntN(len(a.keyings))]
	k.SessionID, k.Cookie = a.random.Uint32()|1, cookie
	k.Component[len(k.Component)/2] ^= byte(a.random.Uint32())
	a.seal(p.socket, 0, k.Append)
}

// seal sends a startup packet.
func (a *attacker) seal(socket udp.Conn, id uint32, chunk func([]byte) []byte) {
	room := socket.Room()
	front := a.startup.Front()
	at := wire.SessionIDSize + front
	plain := chunk(wire.Header{Mode: wire.ModeStartup}.Append(room[at:at]))
	sealed := a.startup.Seal(room[wire.SessionIDSize : at+len(plain)])
	n := wire.SessionIDSize + len(sealed)
	wire.PutSessionID(room[:n], id)
	socket.Send(n, a.target.Address)
}

func (a *attacker) close() {
	for _, p := range a.ports {
		_ = p.socket.Close()
	}
}
