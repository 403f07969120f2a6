package wire

import (
	"errors"
	"testing"
)

func TestPacketsOfModeZeroAreRefused(t *testing.T) {
	if _, _, err := ParseHeader(bytesOf(t, "08 0001 01 0000")); !errors.Is(err, ErrMode) {
		t.Errorf("got %v", err)
	}
}

func TestChunksEndWherePaddingBegins(t *testing.T) {
	tests := []struct {
		name, hex       string
		chunks, padding int
	}{
		{"nothing", "", 0, 0},
		{"two bytes", "01 00", 0, 2},
		{"padding", "ffffffff ffffffff", 0, 8},
		{"a chunk alone", "01 0002 aabb", 1, 0},
		{"a chunk and padding", "01 0002 aabb ffffff", 1, 3},
		{"empty chunks", "0c 0000 4c 0000 ff", 2, 1},
		{"chunks to ignore", "00 0000 ff 0001 aa 01 0000", 3, 0},
		{"a chunk that does not fit by a byte", "0c 0000 01 0003 aabb", 1, 5},
	}
	for _, test := range tests {
		rest := bytesOf(t, test.hex)
		chunks := 0
		for {
			_, next, ok := NextChunk(rest)
			if !ok {
				break
			}
			chunks++
			rest = next
		}
		if chunks != test.chunks || len(rest) != test.padding {
			t.Errorf("%s: %d chunks and %d bytes of padding", test.name, chunks, len(rest))
		}
	}
}

func TestAppendingToWhatWasParsedDoesNotTouchWhatFollows(t *testing.T) {
	packet := bytesOf(t, "01 0001 aa 41 0001 bb")
	first, rest, _ := NextChunk(packet)
	_ = append(first.Payload, 0xee)
	if second, _, ok := NextChunk(rest); !ok || second.Type != ChunkPingReply {
		t.Errorf("got %v", second)
	}
	hello, err := ParseIHello(bytesOf(t, "01 aa bb"))
	if err != nil {
		t.Fatal(err)
	}
	_ = append(hello.Discriminator, 0xee)
	if hello.Tag[0] != 0xbb {
		t.Errorf("tag %x", hello.Tag)
	}
}

func TestChunkTypesAreAllowedInTheirModes(t *testing.T) {
	startup := []ChunkType{ChunkIHello, ChunkRHello, ChunkRedirect, ChunkCookieChange, ChunkIIKeying, ChunkRIKeying}
	session := []ChunkType{
		ChunkFIHello, ChunkPing, ChunkPingReply, ChunkUserData, ChunkNextUserData, ChunkBitmapAck, ChunkRangeAck, ChunkBufferProbe,
		ChunkFlowException, ChunkClose, ChunkCloseAck,
	}
	want := map[ChunkType][4]bool{ChunkFragment: {false, true, true, true}}
	for _, chunkType := range startup {
		want[chunkType] = [4]bool{3: true}
	}
	for _, chunkType := range session {
		want[chunkType] = [4]bool{1: true, 2: true}
	}
	names := map[string]bool{}
	for number := range 256 {
		chunkType := ChunkType(number)
		for mode := ModeForbidden; mode <= ModeStartup; mode++ {
			if got := chunkType.AllowedIn(mode); got != want[chunkType][mode] {
				t.Errorf("%s in %s: %t", chunkType, mode, got)
			}
		}
		if _, known := want[chunkType]; known != (chunkType.String()[0] != '0') && chunkType.String() != "Padding" {
			t.Errorf("%#x is called %s", number, chunkType)
		}
		names[chunkType.String()] = true
	}
	if len(want) != 18 || len(names) != 255 {
		t.Errorf("%d types with %d names", len(want), len(names)) // both paddings have the same
	}
}

func TestAChunkTooLongForItsHeaderPanics(t *testing.T) {
	longest := Ping{Message: make([]byte, MaxChunkPayload)}.Append(nil)
	if chunk, rest, ok := NextChunk(longest); !ok || len(chunk.Payload) != MaxChunkPayload || len(rest) != 0 {
		t.Errorf("the longest chunk has %d bytes, ok %t", len(chunk.Payload), ok)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	IHello{Tag: make([]byte, MaxChunkPayload)}.Append(nil) // one byte too many, for the length of the discriminator
}

func TestFragmentsWithoutDataAreRefused(t *testing.T) {
	if _, err := ParseFragment(bytesOf(t, "80 01 00")); !errors.Is(err, ErrEmpty) {
		t.Errorf("got %v", err)
	}
}

// What the signature covers is what was received or, for what is to be sent, the payload before the signature.
func TestSignedParametersAreThePayloadBeforeTheSignature(t *testing.T) {
	initiator := IIKeying{
		SessionID: 7, Cookie: []byte{1}, Certificate: make([]byte, 132), Component: []byte{2}, Signature: []byte{0x58, 0x59},
	}
	chunk, _, _ := NextChunk(initiator.Append(nil))
	signed := string(chunk.Payload[:len(chunk.Payload)-2])
	if got, err := ParseIIKeying(chunk.Payload); err != nil || string(got.Parameters) != signed {
		t.Errorf("got %x, %v", got.Parameters, err)
	}
	if got := initiator.AppendParameters([]byte{0xab}); string(got) != "\xab"+signed {
		t.Errorf("got %x", got)
	}

	responder := RIKeying{SessionID: 7, Component: []byte{3, 4}, Signature: []byte{0x58}}
	chunk, _, _ = NextChunk(responder.Append(nil))
	signed = string(chunk.Payload[:len(chunk.Payload)-1])
	if got, err := ParseRIKeying(chunk.Payload); err != nil || string(got.Parameters) != signed {
		t.Errorf("got %x, %v", got.Parameters, err)
	}
	if got := responder.AppendParameters([]byte{0xab}); string(got) != "\xab"+signed {
		t.Errorf("got %x", got)
	}
}
