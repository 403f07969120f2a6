package trace

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// role is an end of a session. The packets to it bear the session ID that it has chosen.
type role uint8

const (
	initiator role = 0
	responder role = 1
)

func (r role) other() role { return 1 - r }

// String gives RFC 7016's word.
func (r role) String() string { return [...]string{"initiator", "responder"}[r] }

// ErrKeyLine says that a line is not one of a key log.
var ErrKeyLine = errors.New("not a line of a key log")

// sessionKey is a line of a key log.
type sessionKey struct {
	name keyName
	line string
	to   [2]rtmfp.Cipher // opens the packets to an end
}

// keyName tells sessions apart, and makes the lines that both ends of one have logged the same.
type keyName struct {
	ids    [2]uint32
	secret string
}

// maxKeyLine is the longest line in bytes that is looked at. The secret is at most 512 bytes.
const maxKeyLine = 4096

// parseKey reads a line as rtmfp.CoreConfig.KeyLog gets it: "session near=… far=… role=… " and what flash.ParseKeyLog reads.
// What stands before, such as a time, is ignored.
func parseKey(line string) (*sessionKey, error) {
	if len(line) > maxKeyLine {
		return nil, ErrKeyLine
	}
	fields := make(map[string]string)
	for field := range strings.FieldsSeq(line) {
		if name, value, ok := strings.Cut(field, "="); ok {
			fields[name] = value
		}
	}
	near, errNear := strconv.ParseUint(fields["near"], 16, 32)
	far, errFar := strconv.ParseUint(fields["far"], 16, 32)
	number, errRole := strconv.ParseUint(fields["role"], 10, 8)
	who := rtmfp.Role(number)
	if errors.Join(errNear, errFar, errRole) != nil || who != rtmfp.Initiator && who != rtmfp.Responder {
		return nil, ErrKeyLine
	}
	self := initiator
	if who == rtmfp.Responder {
		self = responder
	}
	k := &sessionKey{line: line, name: keyName{secret: fields["secret"]}}
	k.name.ids[self], k.name.ids[self.other()] = uint32(near), uint32(far)
	return k, k.renew(self)
}

// renew makes new ciphers, which have seen nothing.
func (k *sessionKey) renew(self role) error {
	sent, received, err := flash.ParseKeyLog(k.line)
	if err != nil {
		return ErrKeyLine
	}
	k.to[self], k.to[self.other()] = received, sent
	return nil
}

// opened is a datagram's packet in the clear.
type opened struct {
	plain []byte
	to    role

	// replayed means that the session sequence number was seen before, or is so old that nobody remembers.
	replayed bool
}

// open tries the ciphers whose session ID is that of the datagram. Sealed is left as it is, scratch is overwritten.
func (k *sessionKey) open(id uint32, sealed, scratch []byte) (opened, bool) {
	for _, to := range []role{responder, initiator} {
		if k.name.ids[to] != id {
			continue
		}
		plain, err := k.to[to].Open(append(scratch[:0], sealed...))
		if err == nil {
			return opened{plain: plain, to: to}, true
		}
		if errors.Is(err, rtmfp.ErrReplay) {
			return k.again(to, sealed, scratch)
		}
	}
	return opened{}, false
}

// again opens a packet that verifies but is not new, with a cipher that does not know.
func (k *sessionKey) again(to role, sealed, scratch []byte) (opened, bool) {
	fresh, err := parseKey(k.line)
	if err != nil {
		return opened{}, false
	}
	plain, err := fresh.to[to].Open(append(scratch[:0], sealed...))
	return opened{plain: plain, to: to, replayed: true}, err == nil
}

// maxKeys is how many sessions may have keys; then the oldest are forgotten.
const maxKeys = 1 << 14

// keyring has keys by session ID, newest first.
type keyring struct {
	byID  map[uint32][]*sessionKey
	names map[keyName]bool
	order []*sessionKey
}

func newKeyring() *keyring {
	return &keyring{byID: make(map[uint32][]*sessionKey), names: make(map[keyName]bool)}
}

// add takes a key. It is false if it was there.
func (r *keyring) add(k *sessionKey) bool {
	if r.names[k.name] {
		return false
	}
	if len(r.order) >= maxKeys {
		r.remove(r.order[0])
		r.order = r.order[1:]
	}
	r.names[k.name] = true
	r.order = append(r.order, k)
	for _, id := range k.ids() {
		r.byID[id] = append([]*sessionKey{k}, r.byID[id]...)
	}
	return true
}

// has says whether there is a key for a session between two IDs.
func (r *keyring) has(ids [2]uint32) bool {
	return slices.ContainsFunc(r.byID[ids[initiator]], func(k *sessionKey) bool { return k.name.ids == ids })
}

func (r *keyring) remove(k *sessionKey) {
	delete(r.names, k.name)
	for _, id := range k.ids() {
		var left []*sessionKey
		for _, other := range r.byID[id] {
			if other != k {
				left = append(left, other)
			}
		}
		r.byID[id] = left
		if len(left) == 0 {
			delete(r.byID, id)
		}
	}
}

// ids gives the session IDs without repetition.
func (k *sessionKey) ids() []uint32 {
	if k.name.ids[0] == k.name.ids[1] {
		return k.name.ids[:1]
	}
	return k.name.ids[:]
}
