package flv

import (
	"encoding/binary"

	"afterglow/media"
)

const (
	headerSize      = 9
	tagHeaderSize   = 11
	backPointerSize = 4

	flagVideo = 0x01
	flagAudio = 0x04

	maxDataSize = 1<<24 - 1
)

// tagHeader is the fixed part of an FLVTAG (FLV 10.1 E.4.1).
type tagHeader struct {
	reserved  byte // two bits, shall be zero
	filtered  bool // the body is encrypted or otherwise filtered (Annex F)
	tagType   uint8
	size      int
	timestamp uint32
	stream    uint32 // shall be zero
}

// parseTagHeader reads the first 11 bytes of b, which must be there.
func parseTagHeader(b []byte) tagHeader {
	return tagHeader{
		reserved:  b[0] >> 6,
		filtered:  b[0]&0x20 != 0,
		tagType:   b[0] & 0x1F,
		size:      int(b[1])<<16 | int(b[2])<<8 | int(b[3]),
		timestamp: uint32(b[7])<<24 | uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6]),
		stream:    uint32(b[8])<<16 | uint32(b[9])<<8 | uint32(b[10]),
	}
}

func appendTagHeader(b []byte, tagType uint8, size int, timestamp uint32) []byte {
	return append(b, tagType,
		byte(size>>16), byte(size>>8), byte(size),
		byte(timestamp>>16), byte(timestamp>>8), byte(timestamp), byte(timestamp>>24),
		0, 0, 0)
}

// known reports whether the tag type is one that has a packet.
func (h tagHeader) known() bool {
	switch h.tagType {
	case uint8(media.KindAudio), uint8(media.KindVideo), uint8(media.KindData), media.MessageTypeDataAMF3:
		return true
	}
	return false
}

// plausible reports whether the header looks like one, so that damage is told from tags.
func (h tagHeader) plausible() bool {
	return h.known() && h.reserved == 0 && h.stream == 0
}

// promising reports whether it is worth reading a body on the word of the
// header, which may turn out whole though not plausible.
func (h tagHeader) promising() bool {
	return h.known() || h.reserved == 0 && h.stream == 0
}

// pointsBack reports whether b holds the back-pointer that belongs to the tag.
func (h tagHeader) pointsBack(b []byte) bool {
	return binary.BigEndian.Uint32(b) == uint32(h.size+tagHeaderSize)
}
