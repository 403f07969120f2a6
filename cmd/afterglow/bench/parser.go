package bench

import (
	"encoding/binary"
	"errors"
	"fmt"

	"afterglow/rtmp"
)

// Message types and chunk format bounds, untyped for the parser's bytes (RTMP 1.0 sections 5.3.1, 5.4 and 6.1.1).
const (
	typeAudio    = byte(rtmp.TypeAudio)
	typeVideo    = byte(rtmp.TypeVideo)
	typeCommand  = byte(rtmp.TypeCommandAMF0)
	typeCommand3 = byte(rtmp.TypeCommandAMF3)

	maxChunkHeader  = 3 + 11 + 4
	maxChunkStreams = 64       // that a server may use towards a player
	maxCommand      = 16 << 10 // bytes of a command that are kept
	extendedMark    = 0xFFFFFF
)

var errProtocol = errors.New("protocol error")

// messageSink takes the messages that a parser completes.
type messageSink interface {
	// message is given each complete message with as many first bytes of its payload as matter. head is valid during
	// the call only.
	message(kind byte, streamID uint32, length int, head []byte) error
}

// framing takes what comes from the server apart: chunkParser or rawParser.
type framing interface {
	feed(b []byte, sink messageSink) (rest int, err error)
}

// chunkParser walks the chunks of one connection, in whatever pieces they come, and keeps of each message only what a
// player looks at.
type chunkParser struct {
	chunkSize uint32
	left      uint32 // payload bytes to come of the chunk that is being read
	current   int    // its chunk stream's index
	streams   []chunkStream
}

type chunkStream struct {
	id        uint32
	length    uint32
	remaining uint32 // of the message in progress, 0 between two
	streamID  uint32
	extension uint32 // extended timestamp of the last header of types 0 to 2
	kind      byte
	extended  bool
	head      []byte
}

func newChunkParser() chunkParser { return chunkParser{chunkSize: rtmp.DefaultChunkSize} }

// keep says how many bytes of a message's payload are kept.
func keep(kind byte) int {
	switch kind {
	case typeAudio, typeVideo:
		return stampReach
	case typeCommand, typeCommand3:
		return maxCommand
	}
	return 16
}

// feed parses b and returns how many last bytes of it belong to a header that is not complete: fewer than
// maxChunkHeader, and to be put in front of what comes next.
func (p *chunkParser) feed(b []byte, sink messageSink) (rest int, err error) {
	for len(b) > 0 {
		if p.left == 0 {
			n, err := p.header(b)
			if n == 0 || err != nil {
				return len(b), err
			}
			b = b[n:]
			if p.streams[p.current].length == 0 {
				if err := p.complete(&p.streams[p.current], sink); err != nil {
					return 0, err
				}
			}
			continue
		}
		n := min(int(p.left), len(b))
		if err := p.payload(b[:n], sink); err != nil {
			return 0, err
		}
		b = b[n:]
	}
	return 0, nil
}

func (p *chunkParser) payload(b []byte, sink messageSink) error {
	s := &p.streams[p.current]
	if room := keep(s.kind) - len(s.head); room > 0 {
		s.head = append(s.head, b[:min(room, len(b))]...)
	}
	p.left -= uint32(len(b))
	s.remaining -= uint32(len(b))
	if s.remaining > 0 {
		return nil
	}
	return p.complete(s, sink)
}

func (p *chunkParser) complete(s *chunkStream, sink messageSink) error {
	head := s.head
	s.head = s.head[:0]
	switch rtmp.MessageType(s.kind) {
	case rtmp.TypeSetChunkSize:
		if len(head) < 4 {
			return fmt.Errorf("%w: short Set Chunk Size", errProtocol)
		}
		p.chunkSize = binary.BigEndian.Uint32(head) &^ (1 << 31)
		if p.chunkSize == 0 {
			return fmt.Errorf("%w: chunk size 0", errProtocol)
		}
		return nil
	case rtmp.TypeAbort:
		if len(head) >= 4 {
			p.abort(binary.BigEndian.Uint32(head))
		}
		return nil
	}
	return sink.message(s.kind, s.streamID, int(s.length), head)
}

func (p *chunkParser) abort(id uint32) {
	for i := range p.streams {
		if p.streams[i].id == id {
			p.streams[i].remaining = 0
			p.streams[i].head = p.streams[i].head[:0]
		}
	}
}

// header reads a chunk's basic and message header and says how long they are: 0 when b does not hold all of them. It
// changes nothing before it has them whole.
func (p *chunkParser) header(b []byte) (int, error) {
	format, id, n := b[0]>>6, uint32(b[0]&0x3f), 1
	switch {
	case id == 0 && len(b) < 2, id == 1 && len(b) < 3:
		return 0, nil
	case id == 0:
		id, n = 64+uint32(b[1]), 2
	case id == 1:
		id, n = 64+uint32(b[1])+uint32(b[2])<<8, 3
	}
	i, known := p.find(id)
	// Some servers open a chunk stream with a header of type 1; the message stream ID is then 0.
	if !known && format > 1 {
		return 0, fmt.Errorf("%w: chunk stream %d begins with header type %d", errProtocol, id, format)
	}
	if !known && len(p.streams) == maxChunkStreams {
		return 0, fmt.Errorf("%w: more than %d chunk streams", errProtocol, maxChunkStreams)
	}
	s := chunkStream{id: id}
	if known {
		s = p.streams[i]
	}
	size := s.fields(format, b[n:])
	if size < 0 {
		return 0, nil
	}
	if s.remaining > 0 && format != 3 {
		return 0, fmt.Errorf("%w: header type %d within a message", errProtocol, format)
	}
	if s.remaining == 0 {
		s.remaining, s.head = s.length, s.head[:0]
	}
	if !known {
		i = len(p.streams)
		p.streams = append(p.streams, s)
	} else {
		p.streams[i] = s
	}
	p.current, p.left = i, min(s.remaining, p.chunkSize)
	return n + size, nil
}

func (p *chunkParser) find(id uint32) (int, bool) {
	for i := range p.streams {
		if p.streams[i].id == id {
			return i, true
		}
	}
	return 0, false
}

// fields takes a message header of the given type over into s and returns its size, -1 when b is too short.
func (s *chunkStream) fields(format byte, b []byte) int {
	if format == 3 {
		return s.repeated(b)
	}
	size := [3]int{11, 7, 3}[format]
	if len(b) < size {
		return -1
	}
	s.extended = uint24(b) == extendedMark
	if format < 2 {
		s.length, s.kind = uint24(b[3:]), b[6]
	}
	if format == 0 {
		s.streamID = binary.LittleEndian.Uint32(b[7:])
	}
	if !s.extended {
		return size
	}
	if len(b) < size+4 {
		return -1
	}
	s.extension = binary.BigEndian.Uint32(b[size:])
	return size + 4
}

// repeated returns the size of a header of type 3: an extended timestamp is repeated in it, but not by everybody.
func (s *chunkStream) repeated(b []byte) int {
	if !s.extended {
		return 0
	}
	if len(b) < 4 {
		// Too few bytes may be the end of a payload, when the far end leaves the timestamp out.
		if s.remaining > 0 && int(s.remaining) < 4 && len(b) >= int(s.remaining) && !couldBe(s.extension, b) {
			return 0
		}
		return -1
	}
	if binary.BigEndian.Uint32(b) != s.extension {
		return 0
	}
	return 4
}

func couldBe(extension uint32, b []byte) bool {
	var full [4]byte
	binary.BigEndian.PutUint32(full[:], extension)
	return string(full[:len(b)]) == string(b)
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }
