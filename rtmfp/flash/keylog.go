package flash

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"afterglow/rtmfp"
)

// formatKeyLog writes a line of name=value fields. The HMAC keys follow from the others.
func formatKeyLog(secret []byte, keys *sessionKeys, t terms) string {
	return fmt.Sprintf("flash secret=%x encrypt=%x decrypt=%x hmac-send=%d hmac-receive=%d sequence-send=%t sequence-receive=%t",
		secret, keys.encrypt, keys.decrypt, t.sendHMAC, t.receiveHMAC, t.sendSequence, t.receiveSequence)
}

var errKeyLog = errors.New("flash: not a line of a key log")

// ParseKeyLog reads a line of [rtmfp.Keying].KeyLog, possibly with other name=value fields in it, and gives ciphers that open
// the packets that the logging end sent and received.
func ParseKeyLog(line string) (sent, received rtmfp.Cipher, err error) {
	var near keyLog
	for field := range strings.FieldsSeq(line) {
		if name, value, ok := strings.Cut(field, "="); ok {
			err = errors.Join(err, near.take(name, value))
		}
	}
	var missing [32]byte
	if err != nil || len(near.secret) == 0 || near.keys.encrypt == missing || near.keys.decrypt == missing {
		return nil, nil, errKeyLog
	}
	near.keys.deriveHMAC(near.secret)
	far := near.mirror()
	return newPacketCipher(&far.keys, far.terms), newPacketCipher(&near.keys, near.terms), nil
}

// keyLog is one end as its log describes it.
type keyLog struct {
	secret []byte
	keys   sessionKeys
	terms  terms
}

func (l *keyLog) take(name, value string) (err error) {
	switch name {
	case "secret":
		l.secret, err = hex.DecodeString(value)
	case "encrypt":
		err = decodeKey(&l.keys.encrypt, value)
	case "decrypt":
		err = decodeKey(&l.keys.decrypt, value)
	case "hmac-send":
		l.terms.sendHMAC, err = parseHMACLength(value)
	case "hmac-receive":
		l.terms.receiveHMAC, err = parseHMACLength(value)
	case "sequence-send":
		l.terms.sendSequence = value == "true"
	case "sequence-receive":
		l.terms.receiveSequence = value == "true"
	}
	return err
}

func decodeKey(key *[32]byte, digits string) error {
	if len(digits) != 2*len(key) {
		return errKeyLog
	}
	_, err := hex.Decode(key[:], []byte(digits))
	return err
}

func parseHMACLength(digits string) (int, error) {
	var length int
	if _, err := fmt.Sscanf(digits, "%d", &length); err != nil {
		return 0, err
	}
	if length != 0 && (length < minHMAC || length > maxHMAC) {
		return 0, errKeyLog
	}
	return length, nil
}

// mirror is the other end.
func (l *keyLog) mirror() *keyLog {
	return &keyLog{
		secret: l.secret,
		keys: sessionKeys{
			encrypt: l.keys.decrypt, decrypt: l.keys.encrypt,
			hmacSend: l.keys.hmacReceive, hmacReceive: l.keys.hmacSend,
		},
		terms: terms{
			sendHMAC: l.terms.receiveHMAC, receiveHMAC: l.terms.sendHMAC,
			sendSequence: l.terms.receiveSequence, receiveSequence: l.terms.sendSequence,
		},
	}
}
