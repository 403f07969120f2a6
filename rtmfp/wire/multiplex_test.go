package wire

import (
	"bytes"
	"testing"
)

func TestSessionIDIsScrambledWithTheFirstEightBytes(t *testing.T) {
	tests := []struct {
		name, datagram string
		id             uint32
	}{
		{"of a session", "a5e7290b 01020304 a0e0200f 99", 0x04050a00},
		{"of the handshake", "11223344 11223344 00000000", 0},
		{"of a packet of seven bytes", "00000001 01020304 010203", 0x00000005},
		{"of a packet of a byte", "ff000000 01", 0xfe000000},
		{"of an empty packet", "00000007", 7},
	}
	for _, test := range tests {
		datagram := bytesOf(t, test.datagram)
		if id, ok := SessionID(datagram); !ok || id != test.id {
			t.Errorf("%s: got %08x, %t", test.name, id, ok)
		}
		written := bytes.Clone(datagram)
		copy(written, "\xee\xee\xee\xee")
		PutSessionID(written, test.id)
		if !bytes.Equal(written, datagram) {
			t.Errorf("%s: written as %x", test.name, written)
		}
	}
}

func TestADatagramShorterThanASessionIDHasNone(t *testing.T) {
	for length := range SessionIDSize {
		if id, ok := SessionID(make([]byte, length)); ok {
			t.Errorf("%d bytes: %08x", length, id)
		}
	}
}
