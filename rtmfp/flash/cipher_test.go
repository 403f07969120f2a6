package flash

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

// allTerms are the four kinds of protection, alike in both directions.
var allTerms = []terms{
	{},
	{sendHMAC: 10, receiveHMAC: 10},
	{sendSequence: true, receiveSequence: true},
	{sendHMAC: 32, receiveHMAC: 32, sendSequence: true, receiveSequence: true},
}

func (t terms) String() string {
	return fmt.Sprintf("HMAC %d/%d, numbers %t/%t", t.sendHMAC, t.receiveHMAC, t.sendSequence, t.receiveSequence)
}

// cipherPair gives a cipher and that of the other end.
func cipherPair(agreed terms) (near, far *packetCipher) {
	l := keyLog{secret: []byte("secret"), keys: deriveKeys([]byte("secret"), []byte("near"), []byte("far")), terms: agreed}
	m := l.mirror()
	return newPacketCipher(&l.keys, l.terms), newPacketCipher(&m.keys, m.terms)
}

// plainly seals by RFC 7425 4.7 step by step, with nothing kept from packet to packet.
func plainly(keys sessionKeys, agreed terms, number uint64, plain []byte) []byte {
	var head []byte
	if agreed.sendSequence {
		head = wire.AppendVLU(head, number)
	}
	size := len(head) + len(plain)
	if agreed.sendHMAC == 0 {
		size += 2
	}
	plain = append(bytes.Clone(plain), bytes.Repeat([]byte{0xff}, (16-size%16)%16)...)
	if agreed.sendHMAC == 0 {
		head = binary.BigEndian.AppendUint16(head, plainChecksum(plain))
	}
	packet := append(head, plain...)
	block, err := aes.NewCipher(keys.encrypt[:16])
	if err != nil {
		panic(err)
	}
	cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(packet, packet)
	mac := hmac.New(sha256.New, keys.hmacSend[:])
	mac.Write(packet)
	return append(packet, mac.Sum(nil)[:agreed.sendHMAC]...)
}

func TestPacketsOfEveryLength(t *testing.T) {
	for _, agreed := range allTerms {
		near, far := cipherPair(agreed)
		keys := deriveKeys([]byte("secret"), []byte("near"), []byte("far"))
		for length := 1; length <= 1300; length++ {
			number := uint64(length - 1)
			if length > 600 {
				number += 1 << (length / 25) // numbers of every size
			}
			near.next = number
			plain := bytes.Repeat([]byte{byte(length)}, length)
			front, back := near.Front(), near.Back()
			sealed := seal(near, plain)
			if front > 12 || back > 47 || len(sealed) > front+length+back {
				t.Fatalf("%v, %d bytes: %d and %d are added to make %d", agreed, length, front, back, len(sealed))
			}
			if want := plainly(keys, agreed, number, plain); !bytes.Equal(sealed, want) {
				t.Fatalf("%v, %d bytes, number %d: sealed as\n%x, not\n%x", agreed, length, number, sealed, want)
			}
			got, err := far.Open(sealed)
			if err != nil || !bytes.HasPrefix(got, plain) || len(got) > length+15 || len(bytes.Trim(got[length:], "\xff")) > 0 {
				t.Fatalf("%v, %d bytes: %x, %v", agreed, length, got, err)
			}
		}
	}
}

func TestNumbersOfEverySizeFit(t *testing.T) {
	near, far := cipherPair(terms{sendSequence: true, receiveSequence: true})
	for size := range 64 {
		near.next = 1<<size + 1000
		if _, err := far.Open(seal(near, []byte("packet"))); err != nil {
			t.Errorf("number %d: %v", uint64(1)<<size+1000, err)
		}
	}
	near.next = 1<<64 - 1
	if front := near.Front(); front != 12 {
		t.Errorf("the largest number takes %d bytes with a checksum", front)
	}
	if _, err := far.Open(seal(near, []byte("packet"))); err != nil {
		t.Error(err)
	}
}

func TestSealWorksInPlace(t *testing.T) {
	for _, agreed := range allTerms {
		near, _ := cipherPair(agreed)
		for length := 1; length < 40; length++ {
			buffer := make([]byte, near.Front()+length, near.Front()+length+near.Back())
			if sealed := near.Seal(buffer); &sealed[0] != &buffer[0] {
				t.Errorf("%v, %d bytes: sealed elsewhere", agreed, length)
			}
		}
	}
}

func TestDefaultCipherIsAdobes(t *testing.T) {
	var keys sessionKeys
	copy(keys.encrypt[:], unhex(t, "41 64 6F 62 65 20 53 79 73 74 65 6D 73 20 30 32"))
	got := seal(Profile{}.NewDefaultCipher(), []byte("\x0bpacket"))
	if want := plainly(keys, terms{}, 0, []byte("\x0bpacket")); !bytes.Equal(got, want) {
		t.Errorf("%x, not %x", got, want)
	}
	if _, err := (Profile{}).NewDefaultCipher().Open(got); err != nil {
		t.Error(err)
	}
}

func TestTamperingWithAnyByteFails(t *testing.T) {
	for _, agreed := range allTerms {
		near, far := cipherPair(agreed)
		sealed := seal(near, bytes.Repeat([]byte("packet"), 20))
		for i := range sealed {
			for _, bit := range []byte{1, 0x80} {
				tampered := bytes.Clone(sealed)
				tampered[i] ^= bit
				if _, err := far.Open(tampered); !errors.Is(err, rtmfp.ErrVerification) {
					t.Errorf("%v, byte %d: %v", agreed, i, err)
				}
			}
		}
		if _, err := far.Open(sealed); err != nil {
			t.Errorf("%v: the packet itself: %v", agreed, err)
		}
	}
}

func TestOtherLengthsFail(t *testing.T) {
	for _, agreed := range allTerms {
		near, far := cipherPair(agreed)
		sealed := seal(near, bytes.Repeat([]byte("packet"), 20))
		for length := range sealed {
			if _, err := far.Open(bytes.Clone(sealed[:length])); !errors.Is(err, rtmfp.ErrVerification) {
				t.Errorf("%v, first %d bytes: %v", agreed, length, err)
			}
		}
		for more := range 40 {
			longer := append(bytes.Clone(sealed), make([]byte, more+1)...)
			if _, err := far.Open(longer); !errors.Is(err, rtmfp.ErrVerification) {
				t.Errorf("%v, %d bytes more: %v", agreed, more+1, err)
			}
		}
	}
}

func TestReplayedPacketsAreTold(t *testing.T) {
	for _, agreed := range allTerms {
		near, far := cipherPair(agreed)
		var packets [][]byte
		for range 5 {
			packets = append(packets, seal(near, []byte("packet")))
		}
		for _, i := range []int{1, 0, 4, 2} {
			if _, err := far.Open(bytes.Clone(packets[i])); err != nil {
				t.Errorf("%v: packet %d: %v", agreed, i, err)
			}
		}
		for i := range packets {
			_, err := far.Open(bytes.Clone(packets[i]))
			if want := agreed.receiveSequence && i != 3; errors.Is(err, rtmfp.ErrReplay) != want || !want && err != nil {
				t.Errorf("%v: packet %d again: %v", agreed, i, err)
			}
		}
	}
}

// TestForgedNumbersDoNotMoveTheWindow sends what is well formed but not authentic.
func TestForgedNumbersDoNotMoveTheWindow(t *testing.T) {
	for _, agreed := range allTerms {
		near, far := cipherPair(agreed)
		genuine := seal(near, []byte("packet"))
		near.next = 1 << 40
		forged := seal(near, []byte("packet"))
		if agreed.sendHMAC > 0 {
			forged[len(forged)-1] ^= 1
		} else {
			// With a checksum the first block must decrypt to the high number and the rest not to the checksum.
			forged = append(forged, make([]byte, 16)...)
		}
		if _, err := far.Open(forged); !errors.Is(err, rtmfp.ErrVerification) {
			t.Errorf("%v: %v", agreed, err)
		}
		if _, err := far.Open(genuine); err != nil {
			t.Errorf("%v: the genuine packet behind a forged one: %v", agreed, err)
		}
	}
}

func TestMalformedNumbersFail(t *testing.T) {
	agreed := terms{sendHMAC: 16, receiveHMAC: 16, sendSequence: true, receiveSequence: true}
	near, far := cipherPair(agreed)
	near.sendNumbers = false // the "packet" brings its own
	for name, plain := range map[string][]byte{
		"endless":         bytes.Repeat([]byte{0x80}, 16),
		"beyond 64 bits":  append(bytes.Repeat([]byte{0xff}, 10), make([]byte, 6)...),
		"more than a VLU": append(bytes.Repeat([]byte{0xff}, 15), 0),
	} {
		if _, err := far.Open(seal(near, plain)); !errors.Is(err, rtmfp.ErrVerification) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHMACHasEveryLength(t *testing.T) {
	for length := minHMAC; length <= maxHMAC; length++ {
		near, far := cipherPair(terms{sendHMAC: length})
		sealed := seal(near, []byte("packet"))
		if len(sealed) != 16+length {
			t.Errorf("HMAC of %d: packet has %d bytes", length, len(sealed))
		}
		if _, err := far.Open(sealed); err != nil {
			t.Errorf("HMAC of %d: %v", length, err)
		}
		if _, err := near.Open(seal(far, []byte("packet"))); err != nil {
			t.Errorf("the other way is not without HMAC: %v", err)
		}
	}
}

func TestPacketsDoNotAllocate(t *testing.T) {
	for _, agreed := range allTerms {
		near, far := cipherPair(agreed)
		buffer := make([]byte, 0, 1500)
		allocations := testing.AllocsPerRun(200, func() {
			front := near.Front()
			sealed := near.Seal(buffer[:front+1200])
			if _, err := far.Open(sealed); err != nil {
				t.Fatal(err)
			}
		})
		if allocations != 0 {
			t.Errorf("%v: %v allocations", agreed, allocations)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for i, agreed := range allTerms {
		near, _ := cipherPair(agreed)
		f.Add(byte(i), seal(near, []byte("\x0d a packet")))
		f.Add(byte(i), seal(near, bytes.Repeat([]byte("packet"), 100)))
	}
	f.Fuzz(func(t *testing.T, kind byte, sealed []byte) {
		agreed := allTerms[int(kind)%len(allTerms)]
		near, far := cipherPair(agreed)
		genuine := seal(near, []byte("\x0d a packet"))
		same := bytes.Equal(sealed, genuine)
		plain, err := far.Open(slices.Clone(sealed))
		switch {
		case errors.Is(err, rtmfp.ErrVerification):
		case err != nil:
			t.Errorf("first packet: %v", err)
		case len(plain) == 0 || len(plain) > len(sealed):
			t.Errorf("%d bytes from %d", len(plain), len(sealed))
		}
		if _, err := far.Open(genuine); err != nil && !same && !errors.Is(err, rtmfp.ErrReplay) {
			t.Errorf("genuine packet behind it: %v", err)
		}
	})
}
