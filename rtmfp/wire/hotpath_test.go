package wire

import "testing"

// What is done for each packet of a session allocates nothing.
func TestTheWayOfAPacketDoesNotAllocate(t *testing.T) {
	packet := bytesOf(t, "89b7ef 10000c 80 02 05 03 02 0a 07 00 01 02 03 04 110004 00030405 500005057f107906 510007057f1000000103 ffff")
	data := make([]byte, 1000)
	buffer := make([]byte, 0, 2000)
	ranges := make([]Range, 0, 16)
	tests := map[string]func(){
		"parse": func() {
			_, rest, err := ParseHeader(packet)
			var user UserData
			var ack Ack
			chunks := 0
			for chunk, next, ok := NextChunk(rest); ok && err == nil; chunk, next, ok = NextChunk(next) {
				switch chunk.Type {
				case ChunkUserData:
					user, err = ParseUserData(chunk.Payload)
				case ChunkNextUserData:
					user, err = ParseNextUserData(chunk.Payload, user)
				case ChunkBitmapAck:
					ack, err = ParseBitmapAck(chunk.Payload, ranges)
				case ChunkRangeAck:
					ack, err = ParseRangeAck(chunk.Payload, ranges)
				}
				chunks++
			}
			if err != nil || chunks != 4 || user.Sequence != 6 || len(ack.Ranges) != 2 {
				t.Errorf("%d chunks, %v, %v, %v", chunks, user, ack, err)
			}
		},
		"append": func() {
			b := append(buffer, 0, 0, 0, 0)
			b = Header{Mode: ModeInitiator, HasTimestamp: true}.Append(b)
			b = Ack{FlowID: 5, BufferBlocks: 127, Cumulative: 16, Ranges: ranges[:0]}.Append(b, cap(b))
			b = Ack{FlowID: 5, BufferBlocks: 127, Cumulative: 16, Ranges: append(ranges, Range{18, 18}, Range{21, 24})}.Append(b, cap(b))
			user := UserData{FlowID: 2, Sequence: 5, FSN: 2}
			b = user.AppendHeader(b, len(data))
			b = append(b, data...)
			user.Sequence++
			b = user.AppendNextHeader(b, 10)
			b = append(b, data[:10]...)
			PutSessionID(b, 7)
			if id, ok := SessionID(b); !ok || id != 7 {
				t.Errorf("session %d, %t", id, ok)
			}
		},
		"redirect": func() {
			destinations := [...]Address{at4, at4}
			Redirect{TagEcho: data[:16], Destinations: destinations[:]}.Append(buffer)
		},
	}
	for name, work := range tests {
		if allocations := testing.AllocsPerRun(100, work); allocations != 0 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}

var at4 = at("192.0.2.1:1935", OriginObserved)
