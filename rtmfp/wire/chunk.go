package wire

import (
	"encoding/binary"
	"strconv"
)

// ChunkType says what a chunk is (RFC 7016 2.3). A receiver ignores the types that it does not know.
type ChunkType uint8

// The types of chunks, in the order of a session's life (RFC 7016 2.3).
const (
	// ChunkFragment is a Fragment, in packets of any mode (2.3.1).
	ChunkFragment ChunkType = 0x7f

	// ChunkIHello is an IHello, in startup packets (2.3.2).
	ChunkIHello ChunkType = 0x30

	// ChunkFIHello is an FIHello, in packets of a session (2.3.3).
	ChunkFIHello ChunkType = 0x0f

	// ChunkRHello is an RHello, in startup packets (2.3.4).
	ChunkRHello ChunkType = 0x70

	// ChunkRedirect is a Redirect, in startup packets (2.3.5).
	ChunkRedirect ChunkType = 0x71

	// ChunkCookieChange is a CookieChange, in startup packets (2.3.6).
	ChunkCookieChange ChunkType = 0x79

	// ChunkIIKeying is an IIKeying, in startup packets (2.3.7).
	ChunkIIKeying ChunkType = 0x38

	// ChunkRIKeying is an RIKeying, in startup packets (2.3.8).
	ChunkRIKeying ChunkType = 0x78

	// ChunkPing is a Ping, in packets of a session (2.3.9).
	ChunkPing ChunkType = 0x01

	// ChunkPingReply is a PingReply, in packets of a session (2.3.10).
	ChunkPingReply ChunkType = 0x41

	// ChunkUserData is UserData, in packets of a session (2.3.11).
	ChunkUserData ChunkType = 0x10

	// ChunkNextUserData is UserData behind other UserData of the same flow, in packets of a session (2.3.12).
	ChunkNextUserData ChunkType = 0x11

	// ChunkBitmapAck is an Ack with a bitmap, in packets of a session (2.3.13).
	ChunkBitmapAck ChunkType = 0x50

	// ChunkRangeAck is an Ack with ranges, in packets of a session (2.3.14).
	ChunkRangeAck ChunkType = 0x51

	// ChunkBufferProbe is a BufferProbe, in packets of a session (2.3.15).
	ChunkBufferProbe ChunkType = 0x18

	// ChunkFlowException is a FlowException, in packets of a session (2.3.16).
	ChunkFlowException ChunkType = 0x5e

	// ChunkClose asks to close the session; it has no payload (2.3.17).
	ChunkClose ChunkType = 0x0c

	// ChunkCloseAck confirms that the session is closed; it has no payload (2.3.18).
	ChunkCloseAck ChunkType = 0x4c

	// ChunkIgnored is to be ignored (2.3).
	ChunkIgnored ChunkType = 0x00

	// ChunkPadding is to be ignored (2.3).
	ChunkPadding ChunkType = 0xff
)

// String gives a short name, or the number of an unknown type such as "0x4d".
func (t ChunkType) String() string {
	switch t {
	case ChunkFragment:
		return "Fragment"
	case ChunkIHello:
		return "IHello"
	case ChunkFIHello:
		return "FIHello"
	case ChunkRHello:
		return "RHello"
	case ChunkRedirect:
		return "Redirect"
	case ChunkCookieChange:
		return "CookieChange"
	case ChunkIIKeying:
		return "IIKeying"
	case ChunkRIKeying:
		return "RIKeying"
	case ChunkPing:
		return "Ping"
	case ChunkPingReply:
		return "PingReply"
	case ChunkUserData:
		return "UserData"
	case ChunkNextUserData:
		return "NextUserData"
	case ChunkBitmapAck:
		return "BitmapAck"
	case ChunkRangeAck:
		return "RangeAck"
	case ChunkBufferProbe:
		return "BufferProbe"
	case ChunkFlowException:
		return "FlowException"
	case ChunkClose:
		return "Close"
	case ChunkCloseAck:
		return "CloseAck"
	case ChunkIgnored, ChunkPadding:
		return "Padding"
	}
	return "0x" + strconv.FormatUint(0x100|uint64(t), 16)[1:]
}

// AllowedIn says whether a packet of mode m may carry the chunk; a receiver ignores chunks where they are not allowed, and
// unknown ones, which are allowed nowhere (RFC 7016 2.2.4, 2.3).
func (t ChunkType) AllowedIn(m Mode) bool {
	switch t {
	case ChunkFragment:
		return m != ModeForbidden
	case ChunkIHello, ChunkRHello, ChunkRedirect, ChunkCookieChange, ChunkIIKeying, ChunkRIKeying:
		return m == ModeStartup
	case ChunkFIHello, ChunkPing, ChunkPingReply, ChunkUserData, ChunkNextUserData, ChunkBitmapAck, ChunkRangeAck,
		ChunkBufferProbe, ChunkFlowException, ChunkClose, ChunkCloseAck:
		return m == ModeInitiator || m == ModeResponder
	}
	return false
}

// ChunkHeaderSize is the size in bytes of a chunk without its payload.
const ChunkHeaderSize = 3

// MaxChunkPayload is the largest size of a payload in bytes.
const MaxChunkPayload = 0xffff

// Chunk is a chunk whose payload is not yet parsed (RFC 7016 2.3).
type Chunk struct {
	// Type says what the chunk is, possibly something unknown.
	Type ChunkType

	// Payload aliases the packet.
	Payload []byte
}

// NextChunk splits the first chunk off what ParseHeader or NextChunk left. It is not ok if there are no more chunks: the
// rest, possibly empty, is then padding (RFC 7016 2.2.4).
func NextChunk(b []byte) (c Chunk, rest []byte, ok bool) {
	if len(b) < ChunkHeaderSize {
		return Chunk{}, b, false
	}
	end := ChunkHeaderSize + int(binary.BigEndian.Uint16(b[1:]))
	if len(b) < end {
		return Chunk{}, b, false
	}
	return Chunk{Type: ChunkType(b[0]), Payload: b[ChunkHeaderSize:end:end]}, b[end:], true
}

// Append appends the chunk with its payload as it is.
func (c Chunk) Append(b []byte) []byte {
	b = appendChunkHeader(b, c.Type, len(c.Payload))
	return append(b, c.Payload...)
}

// BeginChunk appends the header of a chunk whose length is not yet known, and gives the place of the header for EndChunk.
func BeginChunk(b []byte, t ChunkType) (begun []byte, at int) {
	return append(b, byte(t), 0, 0), len(b)
}

// EndChunk makes everything behind the header at the given place of b its payload. It panics if that is more than
// MaxChunkPayload, which no packet of this endpoint can hold.
func EndChunk(b []byte, at int) {
	binary.BigEndian.PutUint16(b[at+1:], chunkLength(len(b)-at-ChunkHeaderSize))
}

func appendChunkHeader(b []byte, t ChunkType, payload int) []byte {
	length := chunkLength(payload)
	return append(b, byte(t), byte(length>>8), byte(length))
}

func chunkLength(payload int) uint16 {
	if uint(payload) > MaxChunkPayload {
		panic("wire: chunk of " + strconv.Itoa(payload) + " bytes")
	}
	return uint16(payload)
}
