package sharedobjects

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// errCorrupt says that a stored record is not what was written.
var errCorrupt = errors.New("corrupt record")

// Every record is: kind u8 · content · CRC-32C u32 of kind, key and content. Integers are big-endian.
const (
	kindState       = 1 // of an object: version u32 · floor u32
	kindProperty    = 2 // version u32 · sequence u64 · encoded value
	kindRemoved     = 3 // version u32
	kindReservation = 4 // version u32 · crashes u32 · exact u8
	kindBase        = 5 // version u32
	kindStore       = 6 // crashes u32 · running u8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal ends a record of the given key.
func seal(record, key []byte) []byte {
	return binary.BigEndian.AppendUint32(record, checksum(record, key))
}

// checksum includes the key, so that a value that strayed to another key is found.
func checksum(record, key []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, record)
}

// open returns kind and content of a record.
func open(record, key []byte) (kind byte, content []byte, err error) {
	end := len(record) - 4
	if end < 1 {
		return 0, nil, fmt.Errorf("%w: %d bytes", errCorrupt, len(record))
	}
	if binary.BigEndian.Uint32(record[end:]) != checksum(record[:end], key) {
		return 0, nil, fmt.Errorf("%w: wrong checksum", errCorrupt)
	}
	return record[0], record[1:end], nil
}

// openAs is open for a record that must be of a kind and at least of a length.
func openAs(kind byte, least int, record, key []byte) ([]byte, error) {
	got, content, err := open(record, key)
	if err != nil {
		return nil, err
	}
	if got != kind || len(content) < least {
		return nil, fmt.Errorf("%w: kind %d with %d bytes, not %d with %d", errCorrupt, got, len(content), kind, least)
	}
	return content, nil
}

// state is the record of an object as a whole.
type state struct{ version, floor uint32 }

func (s state) record(key []byte) []byte {
	b := []byte{kindState}
	b = binary.BigEndian.AppendUint32(b, s.version)
	b = binary.BigEndian.AppendUint32(b, s.floor)
	return seal(b, key)
}

func parseState(record, key []byte) (state, error) {
	c, err := openAs(kindState, 8, record, key)
	if err != nil {
		return state{}, err
	}
	return state{version: binary.BigEndian.Uint32(c), floor: binary.BigEndian.Uint32(c[4:])}, nil
}

// record returns the slot as it is stored.
func (s *slot) record(key []byte) []byte {
	if s.removed {
		return seal(binary.BigEndian.AppendUint32([]byte{kindRemoved}, s.version), key)
	}
	b := make([]byte, 0, 1+4+8+len(s.encoded)+4)
	b = append(b, kindProperty)
	b = binary.BigEndian.AppendUint32(b, s.version)
	b = binary.BigEndian.AppendUint64(b, s.sequence)
	b = append(b, s.encoded...)
	return seal(b, key)
}

// parseSlot keeps nothing of record.
func parseSlot(name string, record, key []byte) (*slot, error) {
	kind, c, err := open(record, key)
	if err != nil {
		return nil, err
	}
	switch {
	case kind == kindRemoved && len(c) == 4:
		return &slot{name: name, version: binary.BigEndian.Uint32(c), removed: true}, nil
	case kind == kindProperty && len(c) > 12:
		s := &slot{name: name, version: binary.BigEndian.Uint32(c), sequence: binary.BigEndian.Uint64(c[4:])}
		s.encoded = append([]byte(nil), c[12:]...)
		if s.value, err = decode(s.encoded); err != nil {
			return nil, fmt.Errorf("%w: %w", errCorrupt, err)
		}
		return s, nil
	}
	return nil, fmt.Errorf("%w: kind %d with %d bytes", errCorrupt, kind, len(c))
}

// reservation says which versions of an object may have been handed out.
type reservation struct {
	version uint32 // none above this one and the credit of a run was
	crashes uint32 // of the store when this was written
	exact   bool   // version was the last one, and nobody had the object any more
}

func (r reservation) record(key []byte) []byte {
	b := []byte{kindReservation}
	b = binary.BigEndian.AppendUint32(b, r.version)
	b = binary.BigEndian.AppendUint32(b, r.crashes)
	return seal(append(b, boolByte(r.exact)), key)
}

func parseReservation(record, key []byte) (reservation, error) {
	c, err := openAs(kindReservation, 9, record, key)
	if err != nil {
		return reservation{}, err
	}
	return reservation{
		version: binary.BigEndian.Uint32(c),
		crashes: binary.BigEndian.Uint32(c[4:]),
		exact:   c[8] == 1,
	}, nil
}

func baseRecord(version uint32, key []byte) []byte {
	return seal(binary.BigEndian.AppendUint32([]byte{kindBase}, version), key)
}

func parseBase(record, key []byte) (uint32, error) {
	c, err := openAs(kindBase, 4, record, key)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(c), nil
}

// condition is the record of the store as a whole.
type condition struct {
	crashes uint32 // how many runs that handed out versions did not end with Close
	running bool   // a run hands out versions, or did until it crashed
}

func (c condition) record(key []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kindStore}, c.crashes)
	return seal(append(b, boolByte(c.running)), key)
}

func parseCondition(record, key []byte) (condition, error) {
	c, err := openAs(kindStore, 5, record, key)
	if err != nil {
		return condition{}, err
	}
	return condition{crashes: binary.BigEndian.Uint32(c), running: c[4] == 1}, nil
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}
