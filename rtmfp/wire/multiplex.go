package wire

import "encoding/binary"

// SessionIDSize is the size in bytes of the scrambled session ID, with which a datagram begins.
const SessionIDSize = 4

// SessionID gives the ID of the session to which a datagram belongs; 0 is the handshake's (RFC 7016 2.2.2). It is not ok if
// the datagram is shorter than SessionIDSize.
func SessionID(datagram []byte) (id uint32, ok bool) {
	if len(datagram) < SessionIDSize {
		return 0, false
	}
	return binary.BigEndian.Uint32(datagram) ^ scramble(datagram[SessionIDSize:]), true
}

// PutSessionID writes a scrambled session ID into the first SessionIDSize bytes of a datagram, whose encrypted packet must
// be in place behind them (RFC 7016 2.2.2).
func PutSessionID(datagram []byte, id uint32) {
	binary.BigEndian.PutUint32(datagram, id^scramble(datagram[SessionIDSize:]))
}

// scramble folds the first eight bytes of an encrypted packet; those that it does not have count as zero.
func scramble(packet []byte) uint32 {
	if len(packet) < 8 {
		var padded [8]byte
		copy(padded[:], packet)
		packet = padded[:]
	}
	return binary.BigEndian.Uint32(packet) ^ binary.BigEndian.Uint32(packet[4:])
}
