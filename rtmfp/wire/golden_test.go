package wire

import (
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// golden is a value and its bytes. The value is a number for a VLU, an Option, an Address, a Header, or a chunk.
type golden struct {
	name  string
	value any
	hex   string

	// parses are the lengths to which the bytes, or a chunk's payload, can be cut and still be parsed, by the RFC: what
	// takes all the rest may be shorter, and lists may end earlier. Nil means that it must be whole.
	parses []int

	// decodes is set if this endpoint would not write the value in this way.
	decodes bool
}

// The chunks whose type is not clear from the value.
type (
	next      struct{ UserData } // behind user data of the sequence number before
	rangeAck  struct{ Ack }
	bitmapAck struct{ Ack }
)

// upTo gives the lengths from the first to one before the end.
func upTo(first, end int) []int {
	var lengths []int
	for i := first; i < end; i++ {
		lengths = append(lengths, i)
	}
	return lengths
}

func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func at(address string, origin Origin) Address {
	return Address{AddrPort: netip.MustParseAddrPort(address), Origin: origin}
}

var goldens = []golden{
	{name: "VLU zero", value: uint64(0), hex: "00"},
	{name: "VLU of the largest digit", value: uint64(127), hex: "7f"},
	{name: "VLU of two digits", value: uint64(128), hex: "81 00"},
	{name: "VLU of a certificate's length", value: uint64(132), hex: "81 04"},
	{name: "VLU with a zero in between", value: uint64(1 << 14), hex: "81 80 00"},
	{name: "VLU of a session's buffer", value: uint64(65407), hex: "83 fe 7f"},
	{name: "VLU of 63 bits", value: uint64(math.MaxInt64), hex: "ff ff ff ff ff ff ff ff 7f"},
	{name: "VLU of 64 bits", value: uint64(math.MaxUint64), hex: "81 ff ff ff ff ff ff ff ff 7f"},
	{name: "VLU with leading zeros", value: uint64(5), hex: "80 80 05", decodes: true},
	{name: "VLU of ten bytes for nothing", value: uint64(0), hex: "80 80 80 80 80 80 80 80 80 00", decodes: true},

	{name: "marker", value: Option{Marker: true}, hex: "00"},
	{name: "marker with leading zeros", value: Option{Marker: true}, hex: "80 00", decodes: true},
	{name: "option without a value", value: Option{Type: 0x1a, Value: []byte{}}, hex: "01 1a"},
	{name: "option of a DH group", value: Option{Type: 0x15, Value: []byte{2}}, hex: "02 15 02"},
	{name: "option of a long type", value: Option{Type: 0x2000, Value: []byte{1, 2}}, hex: "04 c0 00 01 02"},
	{name: "option of type zero", value: Option{Type: OptionMetadata, Value: []byte("TC\x04\x00")}, hex: "05 00 54 43 04 00"},
	{
		name: "option of 128 bytes", value: Option{Type: 0x1d, Value: make([]byte, 128)},
		hex: "81 01 1d" + strings.Repeat("00", 128),
	},

	{name: "IPv4 address", value: at("192.0.2.1:1935", OriginObserved), hex: "02 c0 00 02 01 07 8f"},
	{name: "IPv4 address of no origin", value: at("0.0.0.0:0", OriginUnknown), hex: "00 00 00 00 00 00 00"},
	{
		name: "IPv6 address", value: at("[2001:db8::1]:65535", OriginLocal),
		hex: "81 2001 0db8 0000 0000 0000 0000 0000 0001 ffff",
	},
	{
		name: "relay's IPv6 address with reserved bits", value: at("[2001:db8::1]:80", OriginRelay),
		hex: "ff 2001 0db8 0000 0000 0000 0000 0000 0001 0050", decodes: true,
	},
	{
		name: "mapped IPv4 address", value: at("192.0.2.1:1935", OriginRelay),
		hex: "83 0000 0000 0000 0000 0000 ffff c000 0201 078f", decodes: true,
	},

	{name: "header alone", value: Header{Mode: ModeStartup}, hex: "03"},
	{name: "header with a timestamp", value: Header{Mode: ModeStartup, HasTimestamp: true, Timestamp: 0xb7ee}, hex: "0b b7ee"},
	{name: "header with an echo", value: Header{Mode: ModeInitiator, HasTimestampEcho: true, TimestampEcho: 1}, hex: "05 0001"},
	{
		name: "header with everything", hex: "ce 0102 0304",
		value: Header{
			TimeCritical: true, TimeCriticalReverse: true, HasTimestamp: true, HasTimestampEcho: true,
			Mode: ModeResponder, Timestamp: 0x0102, TimestampEcho: 0x0304,
		},
	},
	{name: "header of time-critical data", value: Header{TimeCritical: true, Mode: ModeInitiator}, hex: "81"},
	{name: "header of time-critical data elsewhere", value: Header{TimeCriticalReverse: true, Mode: ModeInitiator}, hex: "41"},
	{name: "header with reserved bits", value: Header{Mode: ModeResponder}, hex: "32", decodes: true},

	{
		name: "fragment", value: Fragment{More: true, PacketID: 300, Number: 2, Data: []byte{0xaa, 0xbb}},
		hex: "7f 0006 80 822c 02 aabb", parses: []int{5},
	},
	{name: "last fragment", value: Fragment{PacketID: 1, Data: []byte{0xaa}}, hex: "7f 0004 00 01 00 aa"},
	{name: "fragment with reserved bits", value: Fragment{PacketID: 1, Data: []byte{0xaa}}, hex: "7f 0004 7f 01 00 aa", decodes: true},

	{
		name: "IHello", value: IHello{Discriminator: []byte("\x05\x0alive"), Tag: []byte{1, 2, 3}},
		hex: "30 000a 06 050a6c697665 010203", parses: upTo(7, 10),
	},
	{name: "IHello with nothing in it", value: IHello{Discriminator: []byte{}, Tag: []byte{}}, hex: "30 0001 00"},

	{
		name: "FIHello",
		value: FIHello{
			Discriminator: []byte{0x01, 0x0f}, ReplyAddress: at("192.0.2.1:1935", OriginObserved), Tag: []byte{9, 8},
		},
		hex: "0f 000c 02 010f 02c0000201078f 0908", parses: upTo(10, 12),
	},

	{
		name: "RHello", value: RHello{TagEcho: []byte{1, 2}, Cookie: []byte{3, 4, 5}, Certificate: []byte{6, 7}},
		hex: "70 0009 02 0102 03 030405 0607", parses: upTo(7, 9),
	},

	{
		name: "redirect",
		value: Redirect{
			TagEcho: []byte{1}, Destinations: []Address{at("192.0.2.1:80", OriginRelay), at("[::1]:81", OriginLocal)},
		},
		hex:    "71 001c 01 01 03c00002010050 81 0000 0000 0000 0000 0000 0000 0000 0001 0051",
		parses: []int{2, 9},
	},
	{name: "implied redirect", value: Redirect{TagEcho: []byte{1, 2}}, hex: "71 0003 02 0102"},

	{
		name: "cookie change", value: CookieChange{Old: []byte{1, 2}, New: []byte{3, 4, 5}},
		hex: "79 0006 02 0102 030405", parses: upTo(3, 6),
	},

	{
		name: "IIKeying",
		value: IIKeying{
			SessionID: 0x01020304, Cookie: []byte{5}, Certificate: []byte{6, 7}, Component: []byte{8}, Signature: []byte{0x58},
			Parameters: []byte{1, 2, 3, 4, 1, 5, 2, 6, 7, 1, 8},
		},
		hex: "38 000c 01020304 01 05 02 0607 01 08 58", parses: []int{11},
	},
	{
		name: "IIKeying with leading zeros, which the signature covers",
		value: IIKeying{
			SessionID: 1, Cookie: []byte{}, Certificate: []byte{}, Component: []byte{8}, Signature: []byte{},
			Parameters: []byte{0, 0, 0, 1, 0, 0, 0x80, 1, 8},
		},
		hex: "38 0009 00000001 00 00 8001 08", decodes: true,
	},

	{
		name: "RIKeying",
		value: RIKeying{
			SessionID: 0xfffefdfc, Component: []byte{1, 2}, Signature: []byte{0x58},
			Parameters: []byte{0xff, 0xfe, 0xfd, 0xfc, 2, 1, 2},
		},
		hex: "78 0008 fffefdfc 02 0102 58", parses: []int{7},
	},

	{name: "ping", value: Ping{Message: []byte("hello")}, hex: "01 0005 68656c6c6f", parses: upTo(0, 5)},
	{name: "empty ping", value: Ping{Message: []byte{}}, hex: "01 0000"},
	{name: "ping reply", value: PingReply{Message: []byte("hello")}, hex: "41 0005 68656c6c6f", parses: upTo(0, 5)},
	{name: "empty ping reply", value: PingReply{Message: []byte{}}, hex: "41 0000"},

	{
		name: "user data", value: UserData{FlowID: 2, Sequence: 5, FSN: 2, Data: []byte{0, 1, 2}}, // figure 3
		hex: "10 0007 00 02 05 03 00 01 02", parses: upTo(4, 7),
	},
	{
		name: "next user data", value: next{UserData{FlowID: 2, Sequence: 6, FSN: 2, Data: []byte{3, 4, 5}}}, // figure 3
		hex: "11 0004 00 03 04 05", parses: upTo(1, 4),
	},
	{
		name: "user data that opens a flow",
		value: UserData{
			FlowID: 3, Sequence: 1, HasOptions: true, Options: []byte("\x05\x00TC\x04\x01\x02\x0a\x01"), Data: []byte{0x14},
		},
		hex: "10 000f 80 03 01 01 05 00 54430401 02 0a 01 00 14", parses: []int{14},
	},
	{
		name:  "user data with an empty list of options",
		value: UserData{FlowID: 3, Sequence: 1, HasOptions: true, Options: []byte{}, Data: []byte{}},
		hex:   "10 0005 80 03 01 01 00",
	},
	{
		name: "next user data with options",
		value: next{UserData{
			FlowID: 3, Sequence: 2, HasOptions: true, Options: []byte{1, 0x40}, Fragment: Begin, Data: []byte{7},
		}},
		hex: "11 0005 90 01 40 00 07", parses: []int{4},
	},
	{
		name: "last fragment of a message", value: UserData{FlowID: 1, Sequence: 300, FSN: 100, Fragment: End, Data: []byte{7}},
		hex: "10 0007 20 01 822c 8148 07", parses: []int{6},
	},
	{
		name: "fragment amid a message", value: UserData{FlowID: 1, Sequence: 2, Fragment: Middle, Data: []byte{7}},
		hex: "10 0005 30 01 02 02 07", parses: []int{4},
	},
	{
		name:  "abandoned end of a flow with itself as forward sequence number",
		value: UserData{FlowID: 1, Sequence: 9, FSN: 9, Abandon: true, Final: true, Data: []byte{}},
		hex:   "10 0004 03 01 09 00",
	},
	{
		name: "final user data", value: UserData{FlowID: 1, Sequence: 9, FSN: 8, Final: true, Data: []byte{1}},
		hex: "10 0005 01 01 09 01 01", parses: []int{4},
	},
	{
		name: "user data with reserved bits", value: UserData{FlowID: 1, Sequence: 9, FSN: 8, Data: []byte{1}},
		hex: "10 0005 4c 01 09 01 01", parses: []int{4}, decodes: true,
	},

	{
		name:  "bitmap acknowledgement, figure 4",
		value: bitmapAck{Ack{FlowID: 5, BufferBlocks: 127, Cumulative: 16, Ranges: []Range{{18, 18}, {21, 24}, {27, 28}}}},
		hex:   "50 0005 05 7f 10 79 06", parses: upTo(3, 5),
	},
	{
		name:  "bitmap acknowledgement with runs over bytes",
		value: bitmapAck{Ack{FlowID: 1, BufferBlocks: 1, Cumulative: 0, Ranges: []Range{{2, 2}, {8, 26}, {41, 41}}}},
		hex:   "50 0008 01 01 00 c1 ff ff 01 80", parses: upTo(3, 8),
	},
	{
		name:  "bitmap acknowledgement with trailing zeros",
		value: bitmapAck{Ack{FlowID: 1, BufferBlocks: 1, Cumulative: 0, Ranges: []Range{{2, 2}}}},
		hex:   "50 0005 01 01 00 01 00", parses: upTo(3, 5), decodes: true,
	},
	{
		name:  "bitmap acknowledgement of the last number of 64 bits",
		value: bitmapAck{Ack{FlowID: 1, Cumulative: math.MaxUint64 - 3, Ranges: []Range{{math.MaxUint64, math.MaxUint64}}}},
		hex:   "50 000d 01 00 81ffffffffffffffff7c 02", parses: []int{12},
	},
	{
		name:  "bitmap acknowledgement beyond 64 bits",
		value: bitmapAck{Ack{FlowID: 1, Cumulative: math.MaxUint64 - 3, Ranges: []Range{{math.MaxUint64 - 1, math.MaxUint64 - 1}}}},
		hex:   "50 000e 01 00 81ffffffffffffffff7c 05 ff", parses: upTo(12, 14), decodes: true,
	},
	{
		name:  "bitmap acknowledgement with a run beyond 64 bits",
		value: bitmapAck{Ack{FlowID: 1, Cumulative: math.MaxUint64 - 3}},
		hex:   "50 000d 01 00 81ffffffffffffffff7c 07", parses: []int{12}, decodes: true,
	},
	{
		name:  "bitmap acknowledgement behind the last number of 64 bits",
		value: bitmapAck{Ack{FlowID: 1, Cumulative: math.MaxUint64}},
		hex:   "50 000d 01 00 81ffffffffffffffff7f ff", parses: []int{12}, decodes: true,
	},

	{
		name:  "range acknowledgement, figure 5",
		value: rangeAck{Ack{FlowID: 5, BufferBlocks: 127, Cumulative: 16, Ranges: []Range{{18, 18}, {21, 24}}}},
		hex:   "51 0007 05 7f 10 00 00 01 03", parses: upTo(3, 7),
	},
	{
		name:  "range acknowledgement cut in its last range, figure 6",
		value: rangeAck{Ack{FlowID: 5, BufferBlocks: 127, Cumulative: 16, Ranges: []Range{{18, 18}}}},
		hex:   "51 0007 05 7f 10 00 00 01 83", parses: upTo(3, 7), decodes: true,
	},
	{
		name:  "range acknowledgement without ranges",
		value: rangeAck{Ack{FlowID: 2, BufferBlocks: 65407, Cumulative: 1}},
		hex:   "51 0005 02 83fe7f 01",
	},
	{
		name:  "range acknowledgement up to the last number of 64 bits",
		value: rangeAck{Ack{FlowID: 1, Cumulative: 1, Ranges: []Range{{3, math.MaxUint64}}}},
		hex:   "51 000e 01 00 01 00 81ffffffffffffffff7c", parses: upTo(3, 14),
	},
	{
		name:  "range acknowledgement beyond 64 bits",
		value: rangeAck{Ack{FlowID: 1, Cumulative: 1, Ranges: []Range{{3, 3}}}},
		hex:   "51 0010 01 00 01 00 00 00 81ffffffffffffffff7b", parses: upTo(3, 16), decodes: true,
	},
	{
		name:  "range acknowledgement with a hole beyond 64 bits",
		value: rangeAck{Ack{FlowID: 1, Cumulative: 1, Ranges: []Range{{3, 3}}}},
		hex:   "51 0010 01 00 01 00 00 81ffffffffffffffff7b 00", parses: upTo(3, 16), decodes: true,
	},
	{
		name:  "range acknowledgement behind the last number of 64 bits",
		value: rangeAck{Ack{FlowID: 1, Cumulative: math.MaxUint64 - 1}},
		hex:   "51 000e 01 00 81ffffffffffffffff7e 00 00", parses: upTo(12, 14), decodes: true,
	},

	{name: "buffer probe", value: BufferProbe{FlowID: 300}, hex: "18 0002 822c"},
	{name: "flow exception", value: FlowException{FlowID: 300, Code: 5}, hex: "5e 0003 822c 05"},
	{name: "close", value: ChunkClose, hex: "0c 0000"},
	{name: "close acknowledgement", value: ChunkCloseAck, hex: "4c 0000"},
}

func TestGoldenBytesAreParsed(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			input := bytesOf(t, g.hex)
			value, n, err := parseAs(g.value, append(input, 0xff, 0xff))
			if err != nil || n != len(input) {
				t.Fatalf("parsed %d of %d bytes: %v", n, len(input), err)
			}
			if !reflect.DeepEqual(value, g.value) {
				t.Fatalf("got  %#v\nwant %#v", value, g.value)
			}
		})
	}
}

func TestGoldenValuesAreAppended(t *testing.T) {
	for _, g := range goldens {
		if g.decodes {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			want := "abcd" + hex.EncodeToString(bytesOf(t, g.hex))
			if got := hex.EncodeToString(appendValue([]byte{0xab, 0xcd}, g.value)); got != want {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestTruncatedBytesAreNotParsed(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			input := bytesOf(t, g.hex)
			if chunk, _, ok := NextChunk(input); ok && isChunk(g.value) {
				testCutPayload(t, g, chunk)
			} else {
				testCut(t, g, input)
			}
		})
	}
}

func testCut(t *testing.T, g golden, input []byte) {
	for length := range input {
		if value, _, err := parseAs(g.value, input[:length:length]); err == nil {
			t.Errorf("cut to %d bytes: got %v", length, value)
		}
	}
}

// testCutPayload cuts the payload inside of a sound chunk, and then also the chunk.
func testCutPayload(t *testing.T, g golden, whole Chunk) {
	allowed := map[int]bool{}
	for _, length := range g.parses {
		allowed[length] = true
	}
	for length := range whole.Payload {
		payload := whole.Payload[:length:length]
		value, err := parseChunk(Chunk{Type: whole.Type, Payload: payload}, previousOf(g.value))
		if parsed := err == nil; parsed != allowed[length] {
			t.Errorf("payload cut to %d bytes: got %v, %v", length, value, err)
		}
	}
	input := whole.Append(nil)
	for length := range input {
		if _, rest, ok := NextChunk(input[:length:length]); ok || len(rest) != length {
			t.Errorf("chunk cut to %d bytes: ok %t with %d left", length, ok, len(rest))
		}
	}
}

// parseAs parses a value of the same kind as the given one, and says how many bytes it took.
func parseAs(kind any, b []byte) (value any, n int, err error) {
	switch kind.(type) {
	case uint64:
		return anyOf(ParseVLU(b))
	case Option:
		return anyOf(ParseOption(b))
	case Address:
		return anyOf(ParseAddress(b))
	case Header:
		header, rest, err := ParseHeader(b)
		return header, len(b) - len(rest), err
	}
	chunk, rest, ok := NextChunk(b)
	if !ok {
		return nil, 0, ErrTruncated
	}
	value, err = parseChunk(chunk, previousOf(kind))
	return value, len(b) - len(rest), err
}

func anyOf[T any](value T, n int, err error) (any, int, error) { return value, n, err }

func isChunk(value any) bool {
	switch value.(type) {
	case uint64, Option, Address, Header:
		return false
	}
	return true
}

// previousOf invents the user data before a chunk that needs it.
func previousOf(value any) UserData {
	if n, ok := value.(next); ok {
		return UserData{FlowID: n.FlowID, Sequence: n.Sequence - 1, FSN: n.FSN}
	}
	return UserData{}
}

// parseChunk gives unknown chunks as they are.
func parseChunk(c Chunk, previous UserData) (any, error) {
	switch c.Type {
	case ChunkFragment:
		return errorOf(ParseFragment(c.Payload))
	case ChunkIHello:
		return errorOf(ParseIHello(c.Payload))
	case ChunkFIHello:
		return errorOf(ParseFIHello(c.Payload))
	case ChunkRHello:
		return errorOf(ParseRHello(c.Payload))
	case ChunkRedirect:
		return errorOf(ParseRedirect(c.Payload))
	case ChunkCookieChange:
		return errorOf(ParseCookieChange(c.Payload))
	case ChunkIIKeying:
		return errorOf(ParseIIKeying(c.Payload))
	case ChunkRIKeying:
		return errorOf(ParseRIKeying(c.Payload))
	case ChunkPing:
		return errorOf(ParsePing(c.Payload))
	case ChunkPingReply:
		return errorOf(ParsePingReply(c.Payload))
	case ChunkUserData:
		return errorOf(ParseUserData(c.Payload))
	case ChunkNextUserData:
		user, err := ParseNextUserData(c.Payload, previous)
		return next{user}, err
	case ChunkBitmapAck:
		ack, err := ParseBitmapAck(c.Payload, nil)
		return bitmapAck{ack}, err
	case ChunkRangeAck:
		ack, err := ParseRangeAck(c.Payload, nil)
		return rangeAck{ack}, err
	case ChunkBufferProbe:
		return errorOf(ParseBufferProbe(c.Payload))
	case ChunkFlowException:
		return errorOf(ParseFlowException(c.Payload))
	case ChunkClose, ChunkCloseAck:
		return c.Type, nil
	}
	return c, nil
}

func errorOf[T any](value T, err error) (any, error) { return value, err }

func appendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case uint64:
		return AppendVLU(b, v)
	case Option:
		if v.Marker {
			return AppendMarker(b)
		}
		return AppendOption(b, v.Type, v.Value)
	case UserData:
		return append(v.AppendHeader(b, len(v.Data)), v.Data...)
	case next:
		return append(v.AppendNextHeader(b, len(v.Data)), v.Data...)
	case rangeAck:
		return v.AppendRange(b, math.MaxInt)
	case bitmapAck:
		return v.AppendBitmap(b, math.MaxInt)
	case ChunkType:
		if v == ChunkClose {
			return AppendClose(b)
		}
		return AppendCloseAck(b)
	case interface{ Append(b []byte) []byte }:
		return v.Append(b)
	}
	panic(fmt.Sprintf("no way to append %T", value))
}
