package flv

import "encoding/binary"

const maxDepth = 64

// pureAMF0 reports whether b is a sequence of AMF0 values that nowhere switches
// to AMF3 and nests no deeper than maxDepth.
func pureAMF0(b []byte) bool {
	for len(b) > 0 {
		rest, ok := skipValue(b, maxDepth)
		if !ok {
			return false
		}
		b = rest
	}
	return true
}

// skipValue returns what follows the first value (AMF0 2.1).
func skipValue(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) == 0 || depth == 0 {
		return nil, false
	}
	marker, b := b[0], b[1:]
	switch marker {
	case 0x00: // number
		return skipBytes(b, 8)
	case 0x01: // boolean
		return skipBytes(b, 1)
	case 0x02: // string
		return skipString(b)
	case 0x03: // object
		return skipProperties(b, depth-1)
	case 0x05, 0x06, 0x0D: // null, undefined, unsupported
		return b, true
	case 0x07: // reference
		return skipBytes(b, 2)
	case 0x08: // ECMA array
		if b, ok = skipBytes(b, 4); !ok {
			return nil, false
		}
		return skipProperties(b, depth-1)
	case 0x0A: // strict array
		return skipElements(b, depth-1)
	case 0x0B: // date
		return skipBytes(b, 10)
	case 0x0C, 0x0F: // long string, XML document
		if len(b) < 4 {
			return nil, false
		}
		return skipBytes(b[4:], int64(binary.BigEndian.Uint32(b)))
	case 0x10: // typed object
		if b, ok = skipString(b); !ok {
			return nil, false
		}
		return skipProperties(b, depth-1)
	}
	return nil, false
}

func skipBytes(b []byte, n int64) ([]byte, bool) {
	if n > int64(len(b)) {
		return nil, false
	}
	return b[n:], true
}

func skipString(b []byte) ([]byte, bool) {
	if len(b) < 2 {
		return nil, false
	}
	return skipBytes(b[2:], int64(binary.BigEndian.Uint16(b)))
}

func skipProperties(b []byte, depth int) (rest []byte, ok bool) {
	const objectEnd = 0x09
	for {
		if len(b) >= 3 && b[0] == 0 && b[1] == 0 && b[2] == objectEnd {
			return b[3:], true
		}
		if b, ok = skipString(b); !ok {
			return nil, false
		}
		if b, ok = skipValue(b, depth); !ok {
			return nil, false
		}
	}
}

// skipElements needs no limit on the count: every element takes a byte that is there.
func skipElements(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, false
	}
	count := binary.BigEndian.Uint32(b)
	b = b[4:]
	for range count {
		if b, ok = skipValue(b, depth); !ok {
			return nil, false
		}
	}
	return b, true
}
