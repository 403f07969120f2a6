package rtmfp_test

import (
	"net/netip"
	"slices"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// prober is a host that speaks the startup protocol by hand, rightly or wrongly.
type prober struct {
	world  *world
	host   *simnet.Host
	cipher rtmfp.Cipher
	got    []probed
	sealed int // packets that are of no startup
	answer func(probed)
}

// probed is a startup chunk that a prober got.
type probed struct {
	at      rtmfp.Instant
	from    rtmfp.Path
	session uint32
	kind    wire.ChunkType
	payload []byte
}

func (w *world) addProber(host *simnet.Host) *prober {
	p := &prober{world: w, host: host, cipher: flash.Profile{}.NewDefaultCipher()}
	host.Attach(p)
	return p
}

func (p *prober) Receive(now rtmfp.Instant, from rtmfp.Path, datagram []byte) {
	id, _ := wire.SessionID(datagram)
	plain, err := p.cipher.Open(datagram[wire.SessionIDSize:])
	if err != nil {
		p.sealed++
		return
	}
	_, chunks, err := wire.ParseHeader(plain)
	for err == nil {
		chunk, rest, ok := wire.NextChunk(chunks)
		if !ok {
			return
		}
		chunks = rest
		got := probed{now, from, id, chunk.Type, slices.Clone(chunk.Payload)}
		p.got = append(p.got, got)
		if p.answer != nil {
			p.answer(got)
		}
	}
}

func (*prober) Poll(rtmfp.Instant)       {}
func (*prober) NextTimer() rtmfp.Instant { return rtmfp.Never }

// send sends chunks in a startup packet.
func (p *prober) send(to rtmfp.Path, session uint32, chunks ...[]byte) {
	datagram := startupPacket(p.cipher, session, chunks...)
	n := copy(p.host.Outlet().Room(), datagram)
	p.host.Outlet().Send(n, to)
}

// last gives the chunk of a kind that came last, and none if there was none.
func (p *prober) last(kind wire.ChunkType) (found probed) {
	for _, got := range p.got {
		if got.kind == kind {
			found = got
		}
	}
	return found
}

// count says how many chunks of a kind came.
func (p *prober) count(kind wire.ChunkType) (n int) {
	for _, got := range p.got {
		if got.kind == kind {
			n++
		}
	}
	return n
}

// startupPacket seals chunks, or what is meant to look like some, with the Default Session Key.
func startupPacket(cipher rtmfp.Cipher, session uint32, chunks ...[]byte) []byte {
	return startupDatagram(cipher, session, wire.Header{Mode: wire.ModeStartup}.Append(nil), chunks...)
}

// startupDatagram seals a header and chunks.
func startupDatagram(cipher rtmfp.Cipher, session uint32, header []byte, chunks ...[]byte) []byte {
	plain := slices.Concat(header, slices.Concat(chunks...))
	at := wire.SessionIDSize + cipher.Front()
	datagram := make([]byte, at, at+len(plain)+cipher.Back())
	datagram = append(datagram, plain...)
	sealed := cipher.Seal(datagram[wire.SessionIDSize:])
	datagram = datagram[:wire.SessionIDSize+len(sealed)]
	wire.PutSessionID(datagram, session)
	return datagram
}

// inject gives an end a datagram as if it came from an address, which is how spoofed ones come.
func (e *end) inject(from netip.AddrPort, datagram []byte) {
	e.host.Do(func() { e.Receive(e.world.Now(), rtmfp.Path{Addr: from}, datagram) })
}

// spoofed is the address of somebody who is not there, a different one for each number.
func spoofed(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 5000)
}
