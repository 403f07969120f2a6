package bench

import "bytes"

// Stamp is what a frame carries for the players: which frame of its kind it is, and when it was sent.
type Stamp struct {
	Sequence uint64 // counts the frames of one kind of one publisher
	Sent     int64  // nanoseconds of the monotonic clock that all processes of a machine share
}

const (
	stampMagic = "\xe5\x9aAfterglow load"
	stampSize  = len(stampMagic) + sequenceDigits + timeDigits
	// Seven bits a byte, the eighth set: no zero byte, so no emulation prevention in a NAL unit.
	sequenceDigits = 6
	timeDigits     = 9

	videoStampOffset = 12 // tag header 5, NAL length 4, NAL header 1, SEI payload type and size 2
	audioStampOffset = 4  // tag header 2, element header 1, count 1
	// stampReach is how many bytes of a payload must be seen to find its stamp.
	stampReach = videoStampOffset + stampSize
)

// appendStamp appends the stamp's bytes, none of which is zero.
func appendStamp(b []byte, s Stamp) []byte {
	b = append(b, stampMagic...)
	b = appendDigits(b, s.Sequence, sequenceDigits)
	return appendDigits(b, uint64(s.Sent), timeDigits)
}

func appendDigits(b []byte, v uint64, digits int) []byte {
	for shift := 7 * (digits - 1); shift >= 0; shift -= 7 {
		b = append(b, byte(v>>shift)|0x80)
	}
	return b
}

func digits(b []byte) (v uint64) {
	for _, c := range b {
		v = v<<7 | uint64(c&0x7f)
	}
	return v
}

// findStamp reads the stamp in the first bytes of a media message's payload.
func findStamp(messageType byte, head []byte) (Stamp, bool) {
	offset := videoStampOffset
	if messageType == typeAudio {
		offset = audioStampOffset
	}
	if len(head) < offset+stampSize {
		return Stamp{}, false
	}
	b := head[offset : offset+stampSize]
	if !bytes.HasPrefix(b, []byte(stampMagic)) {
		return Stamp{}, false
	}
	b = b[len(stampMagic):]
	return Stamp{Sequence: digits(b[:sequenceDigits]), Sent: int64(digits(b[sequenceDigits:]))}, true
}

// appendStampedVideo appends an AVC tag body whose first NAL unit is an SEI of unregistered user data with the stamp
// (H.264 D.1.7). nals are the length-prefixed NAL units of the picture, tagHeader the five bytes before them.
func appendStampedVideo(b, tagHeader, nals []byte, s Stamp) []byte {
	b = append(b, tagHeader...)
	b = append(b, 0, 0, 0, byte(stampSize+4), 0x06, 5, byte(stampSize))
	b = appendStamp(b, s)
	b = append(b, 0x80)
	return append(b, nals...)
}

// appendStampedAudio appends an AAC tag body that begins with a data stream element (ISO/IEC 14496-3 4.4.2.1, byte
// aligned) with the stamp. A decoder skips it.
func appendStampedAudio(b, tagHeader, rawBlock []byte, s Stamp) []byte {
	b = append(b, tagHeader...)
	b = append(b, 0x81, byte(stampSize))
	b = appendStamp(b, s)
	return append(b, rawBlock...)
}
