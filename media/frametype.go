package media

import "encoding/binary"

// inferFrameType fills in the frame type of Enhanced video that says none: some senders, gortmplib 0.2 among them, leave
// the field zero, which the specification reserves. The coded frames of the default track tell, but for codecs that this
// package does not look into: those have no keyframes then.
func inferFrameType(info *Info, kind Kind, payload []byte, at layout) {
	for t, err := range tracks(*info, kind, payload, at) {
		if err != nil {
			return
		}
		if t.ID != info.Track {
			continue
		}
		info.Frame = FrameInter
		if startsSequence(t.Codec, t.Body) {
			info.Frame = FrameKey
		}
		return
	}
}

// startsSequence reports whether coded frames can be decoded without others.
func startsSequence(c Codec, body []byte) bool {
	if len(body) == 0 {
		return false
	}
	switch c {
	case CodecAVC1:
		return hasUnit(body, func(nal []byte) bool { return nal[0]&0x1F == 5 }) // IDR (H.264 table 7-1)
	case CodecHVC1:
		return hasUnit(body, func(nal []byte) bool { t := nal[0] >> 1 & 0x3F; return t >= 16 && t <= 23 }) // IRAP (H.265 table 7-1)
	case CodecVVC1:
		return hasUnit(body, func(nal []byte) bool { return len(nal) > 1 && isVVCRandomAccess(nal[1]>>3) })
	case CodecAV01:
		return hasSequenceHeader(body)
	case CodecVP08:
		return body[0]&1 == 0 // RFC 6386 9.1
	case CodecVP09:
		return isVP9Key(body[0])
	}
	return false
}

// isVVCRandomAccess tells IDR, CRA and GDR (H.266 table 5).
func isVVCRandomAccess(nalType byte) bool { return nalType >= 7 && nalType <= 10 }

// isVP9Key reads the uncompressed header (VP9 6.2): marker, profile, and for profile 3 a reserved bit;
// show_existing_frame; frame_type, zero for a key frame.
func isVP9Key(b byte) bool {
	shift := 3
	if b>>4&3 == 3 {
		shift--
	}
	return b>>shift&1 == 0 && b>>(shift-1)&1 == 0
}

// hasUnit reports whether any NAL unit, each after its length in four bytes, satisfies is.
func hasUnit(body []byte, is func(nal []byte) bool) bool {
	for len(body) > 4 {
		size := binary.BigEndian.Uint32(body)
		body = body[4:]
		if size > uint32(len(body)) {
			return false
		}
		if size > 0 && is(body[:size]) {
			return true
		}
		body = body[size:]
	}
	return false
}

// hasSequenceHeader reports whether a temporal unit has a sequence header OBU (AV1 5.3.2, 6.2.2), as those have that
// begin with a key frame.
func hasSequenceHeader(body []byte) bool {
	const sequenceHeader, extension, hasSize = 1, 0x04, 0x02
	for len(body) > 0 {
		header := body[0]
		if header>>3&0x0F == sequenceHeader {
			return true
		}
		at := 1
		if header&extension != 0 {
			at++
		}
		if header&hasSize == 0 || at >= len(body) {
			return false
		}
		size, n := binary.Uvarint(body[at:])
		at += n
		if n <= 0 || size > uint64(len(body)-at) {
			return false
		}
		body = body[at+int(size):]
	}
	return false
}
