package rtmp

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
)

// Handshake is the form that a handshake takes.
type Handshake int

// The handshakes. HandshakeDigest is what Flash Player 9 and later, ffmpeg and Adobe's servers use: HMAC-SHA256 digests
// hidden in the random bytes, at one of two places (schemes 0 and 1). HandshakePlain is that of RTMP 1.0 section 5.2.
const (
	HandshakeDigest Handshake = iota
	HandshakePlain
	HandshakeDigestScheme1
)

// String names the handshake for people.
func (h Handshake) String() string {
	switch h {
	case HandshakeDigest:
		return "digest"
	case HandshakePlain:
		return "plain"
	case HandshakeDigestScheme1:
		return "digest scheme 1"
	}
	return fmt.Sprintf("Handshake(%d)", int(h))
}

const (
	handshakeVersion = 3
	handshakeSize    = 1536
)

// The versions that stand in bytes 4 to 7 of a digest handshake. Clients look at the server's to decide whether
// to expect a digest.
var (
	serverVersion = [4]byte{5, 0, 7, 1}
	clientVersion = [4]byte{9, 0, 124, 2}
)

// serverHandshake answers a client in its own kind: a plain client that gets digests, or the reverse, plays nothing
// (RTMP 1.0 section 5.2, Errata section 3). It returns the kind that it saw.
func serverHandshake(in *inbuf, w io.Writer) (Handshake, error) {
	var c0 [1]byte
	if err := in.readFull(c0[:]); err != nil {
		return 0, fmt.Errorf("handshake: reading C0: %w", err)
	}
	if err := checkVersion(c0[0]); err != nil {
		return 0, err
	}
	c1 := make([]byte, handshakeSize)
	if err := in.readFull(c1); err != nil {
		return 0, fmt.Errorf("handshake: reading C1: %w", err)
	}
	reply := make([]byte, 1+2*handshakeSize)
	reply[0] = handshakeVersion
	s1, s2 := reply[1:1+handshakeSize], reply[1+handshakeSize:]
	rand.Read(s1[8:])
	kind := HandshakePlain
	if s, digest, ok := findDigest(c1, clientKey[:clientKeyText]); ok {
		kind = s.handshake()
		copy(s1[4:], serverVersion[:])
		s.sign(s1, serverKey[:serverKeyText])
		rand.Read(s2)
		signAnswer(s2, serverKey, digest)
	} else {
		copy(s2, c1[:4])
		copy(s2[8:], c1[8:])
	}
	// S0, S1 and S2 go alone: some clients lose what follows S2 in the same segment.
	if _, err := w.Write(reply); err != nil {
		return kind, fmt.Errorf("handshake: writing S0 to S2: %w", err)
	}
	if err := in.readFull(c1); err != nil { // C2, which many clients fill with anything
		return kind, fmt.Errorf("handshake: reading C2: %w", err)
	}
	return kind, nil
}

func checkVersion(v byte) error {
	switch {
	case v == handshakeVersion:
		return nil
	case v == 6 || v == 8:
		return fmt.Errorf("%w: the client asks for RTMPE (version %d), which this server does not speak: use rtmps", ErrProtocol, v)
	}
	return fmt.Errorf("%w: not an RTMP handshake: first byte is 0x%02x instead of 0x03", ErrProtocol, v)
}

// clientHandshake opens a connection. A server that answers a digest handshake plainly is taken as it is, as Flash
// Player does, and gets a plain C2. It returns the kind that the server answered with.
func clientHandshake(in *inbuf, w io.Writer, kind Handshake) (Handshake, error) {
	hello := make([]byte, 1+handshakeSize)
	hello[0] = handshakeVersion
	c1 := hello[1:]
	rand.Read(c1[8:])
	if kind != HandshakePlain {
		copy(c1[4:], clientVersion[:])
		s := digestScheme0
		if kind == HandshakeDigestScheme1 {
			s = digestScheme1
		}
		s.sign(c1, clientKey[:clientKeyText])
	}
	if _, err := w.Write(hello); err != nil {
		return 0, fmt.Errorf("handshake: writing C0 and C1: %w", err)
	}
	reply := make([]byte, 1+2*handshakeSize)
	if err := in.readFull(reply); err != nil {
		return 0, fmt.Errorf("handshake: reading S0 to S2: %w", err)
	}
	if reply[0] != handshakeVersion {
		return 0, fmt.Errorf("%w: the server answers the handshake with version %d", ErrProtocol, reply[0])
	}
	s1 := reply[1 : 1+handshakeSize]
	c2 := make([]byte, handshakeSize)
	answered := HandshakePlain
	if s, theirs, ok := findDigest(s1, serverKey[:serverKeyText]); ok && kind != HandshakePlain {
		answered = s.handshake()
		// Whatever stands in S2 is taken (Errata section 3).
		rand.Read(c2)
		signAnswer(c2, clientKey, theirs)
	} else {
		copy(c2, s1)
		binary.BigEndian.PutUint32(c2[4:], 0)
	}
	if _, err := w.Write(c2); err != nil {
		return 0, fmt.Errorf("handshake: writing C2: %w", err)
	}
	return answered, nil
}
