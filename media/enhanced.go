package media

import (
	"encoding/binary"
	"fmt"
)

// multitrackType is AvMultitrackType, moved up by one so that zero means not multitrack.
type multitrackType uint8

const (
	singleTrack multitrackType = iota
	oneTrack
	manyTracks
	manyTracksManyCodecs
)

const (
	packetTypeModEx          = 7
	modExTimestampOffsetNano = 0
	maxNanoseconds           = 999_999
)

// dialect is what tells ExAudioTagHeader from ExVideoTagHeader.
type dialect struct {
	kind       Kind
	types      *[16]PacketType
	multitrack uint8 // the packet type that begins a multitrack header
}

// parse reads an Enhanced tag header; what is left to read are the tracks.
func (d *dialect) parse(b []byte, frame FrameType) (Info, layout) {
	info := Info{Enhanced: true, Frame: frame}
	packetType, at, err := readModEx(b, &info)
	if err != nil {
		return d.fail(info, err)
	}
	if frame == FrameCommand && d.types[packetType] != PacketMetadata {
		if at >= len(b) {
			return d.fail(info, fmt.Errorf("command: %w", ErrTruncated))
		}
		info.Type, info.Command = PacketCommand, VideoCommand(b[at])
		return info, layout{body: at + 1}
	}
	multi := singleTrack
	if packetType == d.multitrack {
		if at >= len(b) {
			return d.fail(info, fmt.Errorf("multitrack type: %w", ErrTruncated))
		}
		info.Multitrack = true
		multi, packetType = multitrackType(b[at]>>4)+oneTrack, b[at]&0x0f
		at++
		if multi > manyTracksManyCodecs {
			return d.fail(info, fmt.Errorf("multitrack type %d: %w", multi-oneTrack, ErrReserved))
		}
	}
	info.Type = d.types[packetType]
	if info.Type == PacketNone {
		return d.fail(info, fmt.Errorf("packet type %d: %w", packetType, ErrReserved))
	}
	if multi == manyTracksManyCodecs {
		return info, layout{body: at, multi: multi}
	}
	if len(b)-at < 4 {
		return d.fail(info, fmt.Errorf("FourCC: %w", ErrTruncated))
	}
	info.FourCC = FourCC(binary.BigEndian.Uint32(b[at:]))
	info.Codec = codecByFourCC(d.kind, info.FourCC)
	return info, layout{body: at + 4, multi: multi}
}

func (d *dialect) fail(info Info, err error) (Info, layout) {
	info.Err = fmt.Errorf("media: enhanced %s: %w", d.kind, err)
	return info, layout{}
}

// readModEx reads the modifiers that may come before a header, and returns the
// packet type behind them and the offset of what follows. Modifiers that are not known are skipped.
func readModEx(b []byte, info *Info) (packetType uint8, at int, err error) {
	packetType, at = b[0]&0x0f, 1
	for packetType == packetTypeModEx {
		info.ModEx = true
		data, next, err := modExData(b, at)
		if err != nil {
			return 0, 0, err
		}
		modExType := b[next] >> 4
		packetType, at = b[next]&0x0f, next+1
		if modExType != modExTimestampOffsetNano {
			continue
		}
		if len(data) < 3 {
			return 0, 0, fmt.Errorf("nanosecond offset: %w", ErrTruncated)
		}
		nanoseconds := uint24(data)
		if nanoseconds > maxNanoseconds {
			return 0, 0, fmt.Errorf("nanosecond offset %d: %w", nanoseconds, ErrReserved)
		}
		info.Nanoseconds = nanoseconds
	}
	return packetType, at, nil
}

// modExData reads one length and its data at b[at]; the byte at next is there.
func modExData(b []byte, at int) (data []byte, next int, err error) {
	if at >= len(b) {
		return nil, 0, fmt.Errorf("ModEx size: %w", ErrTruncated)
	}
	size := int(b[at]) + 1
	at++
	if size == 256 {
		if len(b)-at < 2 {
			return nil, 0, fmt.Errorf("ModEx size: %w", ErrTruncated)
		}
		size = int(binary.BigEndian.Uint16(b[at:])) + 1
		at += 2
	}
	if len(b)-at <= size {
		return nil, 0, fmt.Errorf("ModEx data: %w", ErrTruncated)
	}
	return b[at : at+size], at + size, nil
}
