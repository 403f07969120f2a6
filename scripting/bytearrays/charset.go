package bytearrays

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// bom is what some write before text in UTF-8.
var bom = []byte("\xEF\xBB\xBF")

// utf8Text is text in UTF-8, without the mark that may be before it.
func utf8Text(b []byte) string { return string(bytes.TrimPrefix(b, bom)) }

// decode makes text of bytes in a character set. One that is not known is taken for UTF-8, as ActionScript takes it for
// the system's own.
func decode(b []byte, charset string) string {
	switch strings.ToLower(charset) {
	case "us-ascii", "ascii", "iso-8859-1", "latin1":
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c)
		}
		return string(runes)
	case "utf-16", "utf-16le", "unicode":
		return decode16(b, binary.LittleEndian)
	case "utf-16be", "unicodefffe":
		return decode16(b, binary.BigEndian)
	}
	return utf8Text(b)
}

func decode16(b []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// encode makes bytes of text. What the set does not have becomes a question mark.
func encode(s, charset string) []byte {
	switch strings.ToLower(charset) {
	case "us-ascii", "ascii":
		return narrow(s, 0x7F)
	case "iso-8859-1", "latin1":
		return narrow(s, 0xFF)
	case "utf-16", "utf-16le", "unicode":
		return encode16(s, binary.LittleEndian)
	case "utf-16be", "unicodefffe":
		return encode16(s, binary.BigEndian)
	}
	return []byte(s)
}

func narrow(s string, most rune) []byte {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > most {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return b
}

func encode16(s string, order binary.AppendByteOrder) []byte {
	b := make([]byte, 0, 2*len(s))
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}
