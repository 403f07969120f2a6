package flash

import (
	"bytes"
	"path/filepath"
	"testing"

	"afterglow/rtmfp/wire"
)

// TestForeignSessions opens and seals again what other programs sent (testdata/foreign-*.txt), with keys that are derived here.
//
// A block of these files is a session: program, group, secret (DH_SECRET), skic and skrc (the keying components of initiator and
// responder), hmac-initiator-length and hmac-responder-length (of the HMACs that each sends; 0: checksums), sseq-initiator and
// sseq-responder (1: it sends sequence numbers). Then follow, in the order sent and with their scrambled session IDs, the
// datagrams of the startup, under the default key (startup-initiator, startup-responder), and of the session (initiator,
// responder).
func TestForeignSessions(t *testing.T) {
	files, err := filepath.Glob("testdata/foreign-*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no foreign sessions: %v", err)
	}
	for _, name := range files {
		for i, b := range readBlocks(t, name) {
			t.Run(filepath.Base(name)+"/"+b.text(t, "group"), func(t *testing.T) {
				t.Logf("block %d: %s", i, b.text(t, "program"))
				newForeignSession(t, b).check(t)
			})
		}
	}
}

// foreignSession is a block with ciphers of our own for both ends.
type foreignSession struct {
	block                block
	skic, skrc           []byte
	initiator, responder *packetCipher
	server               *Certificate // from the RHello
	discriminator        []byte       // from the IHello
	opened               map[string]int
}

func newForeignSession(t *testing.T, b block) *foreignSession {
	s := &foreignSession{block: b, skic: b.bytes(t, "skic"), skrc: b.bytes(t, "skrc"), opened: map[string]int{}}
	l := keyLog{
		secret: b.bytes(t, "secret"),
		terms: terms{
			sendHMAC: b.number(t, "hmac-initiator-length"), receiveHMAC: b.number(t, "hmac-responder-length"),
			sendSequence: b.number(t, "sseq-initiator") == 1, receiveSequence: b.number(t, "sseq-responder") == 1,
		},
	}
	s.checkNegotiation(t, l.terms)
	l.keys = deriveKeys(l.secret, s.skic, s.skrc)
	s.initiator = newPacketCipher(&l.keys, l.terms)
	keys := deriveKeys(l.secret, s.skrc, s.skic)
	s.responder = newPacketCipher(&keys, l.mirror().terms)
	return s
}

// checkNegotiation compares the terms on which these ends really agreed with what we would conclude.
func (s *foreignSession) checkNegotiation(t *testing.T, want terms) {
	near, err := parseComponent(s.skic)
	if err != nil {
		t.Fatal(err)
	}
	far, err := parseComponent(s.skrc)
	if err != nil {
		t.Fatal(err)
	}
	got, err := new(Identity).agree(near, far)
	if err != nil || got != want {
		t.Errorf("we conclude %v, %v; they had %v", got, err, want)
	}
}

func (s *foreignSession) check(t *testing.T) {
	for _, f := range s.block {
		switch f.name {
		case "startup-initiator", "startup-responder":
			s.checkStartup(t, unhex(t, f.value))
		case "initiator":
			s.checkPacket(t, unhex(t, f.value), s.initiator, s.responder)
		case "responder":
			s.checkPacket(t, unhex(t, f.value), s.responder, s.initiator)
		default:
			continue
		}
		s.opened[f.name]++
	}
	if s.opened["initiator"] == 0 || s.opened["responder"] == 0 {
		t.Errorf("opened %v", s.opened)
	}
}

// checkPacket opens a datagram at the end to which it came, and seals it again at the end that sent it.
func (s *foreignSession) checkPacket(t *testing.T, datagram []byte, from, to *packetCipher) {
	if id, ok := wire.SessionID(datagram); !ok || id == 0 {
		t.Errorf("session ID %08x", id)
	}
	sealed := datagram[wire.SessionIDSize:]
	from.next = numberOf(t, to, sealed)
	plain, err := to.Open(bytes.Clone(sealed))
	if err != nil {
		t.Errorf("packet %d: %v", from.next, err)
		return
	}
	eachChunk(t, plain, func(wire.Chunk) {})
	if again := seal(from, plain); !bytes.Equal(again, sealed) {
		t.Errorf("sealed again as\n%x, not\n%x", again, sealed)
	}
}

// numberOf gives the sequence number of a packet without opening it.
func numberOf(t *testing.T, c *packetCipher, sealed []byte) uint64 {
	if !c.expectNumbers {
		return 0
	}
	block := bytes.Clone(sealed[:blockSize])
	c.decrypter.SetIV(zeroIV)
	c.decrypter.CryptBlocks(block, block)
	number, _, err := wire.ParseVLU(block)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

func eachChunk(t *testing.T, plain []byte, visit func(wire.Chunk)) {
	_, chunks, err := wire.ParseHeader(plain)
	if err != nil {
		t.Error(err)
		return
	}
	for {
		chunk, rest, ok := wire.NextChunk(chunks)
		if !ok {
			break
		}
		visit(chunk)
		chunks = rest
	}
	if len(bytes.Trim(chunks, "\xff")) > 0 {
		t.Errorf("packet ends with %x", chunks)
	}
}

func (s *foreignSession) checkStartup(t *testing.T, datagram []byte) {
	defaultCipher := Profile{}.NewDefaultCipher()
	sealed := datagram[wire.SessionIDSize:]
	plain, err := defaultCipher.Open(bytes.Clone(sealed))
	if err != nil {
		t.Errorf("startup: %v", err)
		return
	}
	eachChunk(t, plain, func(chunk wire.Chunk) { s.checkStartupChunk(t, chunk) })
	if again := seal(defaultCipher, plain); !bytes.Equal(again, sealed) {
		t.Errorf("startup sealed again as\n%x, not\n%x", again, sealed)
	}
}

func (s *foreignSession) checkStartupChunk(t *testing.T, chunk wire.Chunk) {
	var err error
	switch chunk.Type {
	case wire.ChunkIHello:
		var hello wire.IHello
		hello, err = wire.ParseIHello(chunk.Payload)
		s.discriminator = hello.Discriminator
	case wire.ChunkRHello:
		var hello wire.RHello
		hello, err = wire.ParseRHello(chunk.Payload)
		s.server = parse(t, hello.Certificate)
		if !s.server.SelectedBy(s.discriminator) {
			t.Errorf("%x does not select the responder", s.discriminator)
		}
	case wire.ChunkIIKeying:
		var keying wire.IIKeying
		keying, err = wire.ParseIIKeying(chunk.Payload)
		s.checkInitiator(t, parse(t, keying.Certificate), keying)
	case wire.ChunkRIKeying:
		var keying wire.RIKeying
		keying, err = wire.ParseRIKeying(chunk.Payload)
		if !bytes.Equal(keying.Component, s.skrc) {
			t.Errorf("component is %x", keying.Component)
		}
	}
	if err != nil {
		t.Errorf("chunk %v: %v", chunk.Type, err)
	}
}

// checkInitiator sees whether a responder of ours would accept the keying, and agree to the same group.
func (s *foreignSession) checkInitiator(t *testing.T, c *Certificate, keying wire.IIKeying) {
	if !bytes.Equal(keying.Component, s.skic) {
		t.Errorf("component is %x", keying.Component)
	}
	if !c.Verify(keying.Parameters, keying.Signature) {
		t.Error("signature refused")
	}
	component, err := parseComponent(keying.Component)
	if err != nil {
		t.Fatal(err)
	}
	us := identity(t, IdentityConfig{Groups: []Group{Group2, Group5, Group14, Group16}})
	group, _, err := us.initiatorKey(c, component)
	if err != nil || int(group.id) != s.block.number(t, "group") {
		t.Errorf("group %v, %v", group, err)
	}
	if !s.server.supports(group.id) {
		t.Errorf("the responder's certificate has no group %d", group.id)
	}
}
