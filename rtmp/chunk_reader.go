package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors that end a connection because of what the far end sent.
var (
	// ErrProtocol marks every violation of the chunk stream's rules.
	ErrProtocol = errors.New("rtmp protocol error")
	// ErrLimit marks input that is legal but exceeds one of the connection's Limits.
	ErrLimit = errors.New("rtmp limit exceeded")
)

// Limits bound what the far end can make a connection hold. A zero field means its default.
type Limits struct {
	// MessageSize is the largest message accepted, in bytes. Default 16,777,215, the protocol's own limit.
	MessageSize int
	// PartialBytes is the sum of unfinished messages held, in bytes. Default MessageSize plus 1 MiB.
	PartialBytes int
	// ChunkStreams is the number of chunk streams that the far end may use. Default 64.
	ChunkStreams int
	// PendingBytes is how much may wait to be sent, control messages alone, in bytes. Default 2 MiB.
	PendingBytes int
}

func (l Limits) withDefaults() Limits {
	if l.MessageSize <= 0 || l.MessageSize > MaxMessageSize {
		l.MessageSize = MaxMessageSize
	}
	if l.PartialBytes <= 0 {
		l.PartialBytes = l.MessageSize + 1<<20
	}
	if l.ChunkStreams <= 0 {
		l.ChunkStreams = 64
	}
	if l.PendingBytes <= 0 {
		l.PendingBytes = 2 << 20
	}
	return l
}

// chunkStream is what the reader remembers of one chunk stream between chunks (RTMP 1.0 section 5.3.1.2).
type chunkStream struct {
	id        uint32
	timestamp uint32
	field     uint32 // timestamp or delta as last sent, repeated by type 3
	length    int
	typ       MessageType
	streamID  uint32
	extended  bool
	absolute  bool // the last header of a new message was type 0
	known     bool // a header has been seen
	partial   bool // a message is under way
	payload   []byte
}

// chunkReader turns bytes into messages. It is used by one goroutine.
type chunkReader struct {
	in        *inbuf
	limits    Limits
	chunkSize int
	low       [8]*chunkStream // chunk streams that every client uses, without a map
	high      map[uint32]*chunkStream
	count     int
	held      int // bytes in unfinished messages
	reserved  int // memory of unfinished messages, in bytes
}

func newChunkReader(in *inbuf, limits Limits) *chunkReader {
	return &chunkReader{in: in, limits: limits.withDefaults(), chunkSize: DefaultChunkSize}
}

// next reads chunks until a message is complete.
func (r *chunkReader) next() (Message, error) {
	for {
		cs, err := r.readHeader()
		if err != nil {
			if r.held > 0 {
				err = unexpected(err)
			}
			return Message{}, err
		}
		done, err := r.readPayload(cs)
		if err != nil {
			return Message{}, err
		}
		if done {
			m := Message{Type: cs.typ, Timestamp: cs.timestamp, StreamID: cs.streamID, Payload: cs.payload}
			r.forget(cs)
			return m, nil
		}
	}
}

func (r *chunkReader) readHeader() (*chunkStream, error) {
	format, id, err := r.readBasicHeader()
	if err != nil {
		return nil, err
	}
	cs, err := r.stream(id)
	if err != nil {
		return nil, err
	}
	if cs.partial && format != 3 {
		return nil, fmt.Errorf("%w: chunk stream %d: a message begins inside another", ErrProtocol, id)
	}
	// Some encoders open a chunk stream with type 1; without a length nothing can be read.
	if !cs.known && format >= 2 {
		return nil, fmt.Errorf("%w: chunk stream %d begins with a header of type %d", ErrProtocol, id, format)
	}
	if format < 3 {
		return cs, r.readMessageHeader(cs, format)
	}
	return cs, r.readContinuation(cs)
}

func (r *chunkReader) readBasicHeader() (format byte, id uint32, err error) {
	b, err := r.in.take(1)
	if err != nil {
		return 0, 0, err
	}
	format, id = b[0]>>6, uint32(b[0]&0x3F)
	switch id {
	case 0:
		if b, err = r.in.take(1); err != nil {
			return 0, 0, unexpected(err)
		}
		id = 64 + uint32(b[0])
	case 1:
		if b, err = r.in.take(2); err != nil {
			return 0, 0, unexpected(err)
		}
		id = 64 + uint32(binary.LittleEndian.Uint16(b))
	}
	return format, id, nil
}

func (r *chunkReader) stream(id uint32) (*chunkStream, error) {
	if int(id) < len(r.low) {
		if cs := r.low[id]; cs != nil {
			return cs, nil
		}
	} else if cs := r.high[id]; cs != nil {
		return cs, nil
	}
	if r.count >= r.limits.ChunkStreams {
		return nil, fmt.Errorf("%w: more than %d chunk streams", ErrLimit, r.limits.ChunkStreams)
	}
	r.count++
	cs := &chunkStream{id: id}
	if int(id) < len(r.low) {
		r.low[id] = cs
		return cs, nil
	}
	if r.high == nil {
		r.high = make(map[uint32]*chunkStream)
	}
	r.high[id] = cs
	return cs, nil
}

// readMessageHeader reads the header of types 0, 1 and 2, which always begins a message.
func (r *chunkReader) readMessageHeader(cs *chunkStream, format byte) error {
	b, err := r.in.take([3]int{11, 7, 3}[format])
	if err != nil {
		return unexpected(err)
	}
	cs.field = uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
	if format < 2 {
		cs.length = int(b[3])<<16 | int(b[4])<<8 | int(b[5])
		cs.typ = MessageType(b[6])
	}
	if format == 0 {
		cs.streamID = binary.LittleEndian.Uint32(b[7:])
	}
	cs.extended = cs.field == extendedTimestamp
	if cs.extended {
		if b, err = r.in.take(4); err != nil {
			return unexpected(err)
		}
		cs.field = binary.BigEndian.Uint32(b)
	}
	cs.absolute, cs.known = format == 0, true
	return r.begin(cs)
}

// readContinuation reads a header of type 3: the next chunk of a message, or a message that repeats every field of
// the one before. The extended timestamp is there whenever it was there before (Errata section 5.1), but a few old
// encoders leave it out, which shows in the four bytes being something else.
func (r *chunkReader) readContinuation(cs *chunkStream) error {
	if cs.extended {
		there, err := r.timestampFollows(cs)
		if err != nil {
			return unexpected(err)
		}
		if there {
			r.in.skip(4)
		}
	}
	if cs.partial {
		return nil
	}
	return r.begin(cs)
}

// timestampFollows says whether the next four bytes are the chunk stream's extended timestamp. It waits for no byte
// more than it takes to tell: an encoder that leaves the timestamp out may send nothing after a short last chunk.
func (r *chunkReader) timestampFollows(cs *chunkStream) (bool, error) {
	var field, timestamp [4]byte
	binary.BigEndian.PutUint32(field[:], cs.field)
	binary.BigEndian.PutUint32(timestamp[:], cs.timestamp)
	for n := 1; n <= 4; n++ {
		b, err := r.in.peek(n)
		if err != nil {
			return false, err
		}
		if !bytes.Equal(b, field[:n]) && !bytes.Equal(b, timestamp[:n]) {
			return false, nil
		}
	}
	return true, nil
}

// begin starts a message with the header that was read.
func (r *chunkReader) begin(cs *chunkStream) error {
	if cs.absolute {
		cs.timestamp = cs.field
		// A type 3 header that follows repeats the timestamp as a delta (RTMP 1.0 section 5.3.1.2.4).
		cs.absolute = false
	} else {
		cs.timestamp += cs.field
	}
	if cs.length > r.limits.MessageSize {
		return fmt.Errorf("%w: message of type %d announces %d bytes, %d are allowed", ErrLimit, cs.typ, cs.length, r.limits.MessageSize)
	}
	cs.partial = true
	return nil
}

func (r *chunkReader) readPayload(cs *chunkStream) (done bool, err error) {
	n := min(cs.length-len(cs.payload), r.chunkSize)
	if r.held+n > r.limits.PartialBytes {
		return false, fmt.Errorf("%w: more than %d bytes in unfinished messages", ErrLimit, r.limits.PartialBytes)
	}
	for n > 0 {
		b, err := r.in.some(n)
		if err != nil {
			return false, unexpected(err)
		}
		r.grow(cs, len(b))
		cs.payload = append(cs.payload, b...)
		r.held += len(b)
		n -= len(b)
	}
	return len(cs.payload) == cs.length, nil
}

// readAhead is the memory, in bytes, that a connection may take for payloads beyond twice of what has arrived of them.
const readAhead = 256 << 10

// grow makes room for n more bytes. The sender pays before memory is taken: never more than the message's length, and
// never more than twice of what has arrived, but for what the read buffer promises.
func (r *chunkReader) grow(cs *chunkStream, n int) {
	need := len(cs.payload) + n
	if need <= cap(cs.payload) {
		return
	}
	old := cap(cs.payload)
	size := min(cs.length, 2*(need+r.in.buffered())+512)
	if r.reserved-old+size > 2*r.held+readAhead {
		size = min(cs.length, 2*need)
	}
	p := make([]byte, len(cs.payload), size)
	copy(p, cs.payload)
	cs.payload = p
	r.reserved += size - old
}

// setChunkSize follows a Set Chunk Size message (RTMP 1.0 section 5.4.1).
func (r *chunkReader) setChunkSize(payload []byte) error {
	v, err := control(payload)
	if err != nil {
		return fmt.Errorf("%w: set chunk size: %w", ErrProtocol, err)
	}
	if v == 0 || v > 1<<31-1 {
		return fmt.Errorf("%w: chunk size %d is not between 1 and 2147483647", ErrProtocol, v)
	}
	r.chunkSize = int(min(v, MaxMessageSize))
	return nil
}

// abort discards the unfinished message of a chunk stream; its timestamp stays (Errata section 6).
func (r *chunkReader) abort(payload []byte) error {
	v, err := control(payload)
	if err != nil {
		return fmt.Errorf("%w: abort: %w", ErrProtocol, err)
	}
	cs := r.high[v]
	if int64(v) < int64(len(r.low)) {
		cs = r.low[v]
	}
	if cs == nil {
		return nil
	}
	r.forget(cs)
	return nil
}

// forget lets go of a message that is complete or aborted.
func (r *chunkReader) forget(cs *chunkStream) {
	r.held -= len(cs.payload)
	r.reserved -= cap(cs.payload)
	cs.payload, cs.partial = nil, false
}
