package flash

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

// packetCipher seals and opens packets (RFC 7425 4.7). Besides the two key schedules and the states of the MACs it holds
// about 250 bytes.
type packetCipher struct {
	encrypter, decrypter       cbc
	digest                     digest // for both MACs; nil without any
	sendMAC, receiveMAC        packetMAC
	sendNumbers, expectNumbers bool
	next                       uint64 // session sequence number to send
	window                     replayWindow
	sum                        [sha256.Size]byte
}

var _ rtmfp.Cipher = (*packetCipher)(nil)

// cbc is what the mode of crypto/aes is besides: the one thing that saves a new object for each packet.
type cbc interface {
	cipher.BlockMode
	SetIV(iv []byte)
}

const (
	blockSize    = aes.BlockSize
	checksumSize = 2

	// padding is as much as a packet can need (RFC 7425 4.7.2).
	padding = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
)

// zeroIV is the initialization vector of every packet (RFC 7425 4.7.1). It is never written.
var zeroIV = make([]byte, blockSize)

func newPacketCipher(keys *sessionKeys, agreed terms) *packetCipher {
	c := &packetCipher{
		encrypter:     cipher.NewCBCEncrypter(aes128(&keys.encrypt), zeroIV).(cbc),
		decrypter:     cipher.NewCBCDecrypter(aes128(&keys.decrypt), zeroIV).(cbc),
		sendNumbers:   agreed.sendSequence,
		expectNumbers: agreed.receiveSequence,
	}
	if agreed.sendHMAC > 0 || agreed.receiveHMAC > 0 {
		c.digest = newDigest()
		c.sendMAC = newPacketMAC(c.digest, &keys.hmacSend, agreed.sendHMAC)
		c.receiveMAC = newPacketMAC(c.digest, &keys.hmacReceive, agreed.receiveHMAC)
	}
	return c
}

// aes128 takes the first half of a packet key (RFC 7425 4.6.3).
func aes128(key *[32]byte) cipher.Block {
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		panic(err) // the length is right
	}
	return block
}

// Front is the room for the next sequence number, or a checksum, or both: at most 12 bytes.
func (c *packetCipher) Front() int {
	front := 0
	if c.sendNumbers {
		front = wire.SizeVLU(c.next)
	}
	if c.sendMAC.length == 0 {
		front += checksumSize
	}
	return front
}

// Back is the room for padding and HMAC.
func (c *packetCipher) Back() int { return len(padding) + c.sendMAC.length }

// Seal seals the plain packet in buffer[Front():].
func (c *packetCipher) Seal(buffer []byte) []byte {
	buffer = append(buffer, padding[:-len(buffer)&(blockSize-1)]...)
	at := 0
	if c.sendNumbers {
		at = len(wire.AppendVLU(buffer[:0], c.next))
		c.next++
	}
	if c.sendMAC.length == 0 {
		binary.BigEndian.PutUint16(buffer[at:], checksum(buffer[at+checksumSize:]))
	}
	c.encrypter.SetIV(zeroIV)
	c.encrypter.CryptBlocks(buffer, buffer)
	if c.sendMAC.length == 0 {
		return buffer
	}
	return append(buffer, c.sendMAC.sum(c.digest, buffer, &c.sum)...)
}

// Open verifies in the order HMAC, checksum, sequence number; the last only of packets that are otherwise authentic.
func (c *packetCipher) Open(sealed []byte) ([]byte, error) {
	length := len(sealed) - c.receiveMAC.length
	if length < blockSize || length%blockSize != 0 {
		return nil, rtmfp.ErrVerification
	}
	blocks := sealed[:length]
	if c.receiveMAC.length > 0 && !hmac.Equal(c.receiveMAC.sum(c.digest, blocks, &c.sum), sealed[length:]) {
		return nil, rtmfp.ErrVerification
	}
	c.decrypter.SetIV(zeroIV)
	c.decrypter.CryptBlocks(blocks, blocks)
	return c.unwrap(blocks)
}

// unwrap takes sequence number and checksum off a decrypted packet.
func (c *packetCipher) unwrap(plain []byte) ([]byte, error) {
	var number uint64
	if c.expectNumbers {
		value, n, err := wire.ParseVLU(plain)
		if err != nil {
			return nil, rtmfp.ErrVerification
		}
		number, plain = value, plain[n:]
	}
	if c.receiveMAC.length == 0 {
		if binary.BigEndian.Uint16(plain) != checksum(plain[checksumSize:]) {
			return nil, rtmfp.ErrVerification
		}
		plain = plain[checksumSize:]
	}
	if c.expectNumbers && !c.window.accept(number) {
		return nil, rtmfp.ErrReplay
	}
	return plain, nil
}
