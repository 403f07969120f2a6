package wire

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// captured is a packet of a real session.
type captured struct {
	fromInitiator bool
	packet        []byte
}

// captures gives the sessions in testdata by name.
func captures(t testing.TB) map[string][]captured {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "*.hex"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	sessions := map[string][]captured{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sessions[filepath.Base(path)] = parseCapture(t, string(text))
	}
	return sessions
}

func parseCapture(t testing.TB, text string) []captured {
	t.Helper()
	var packets []captured
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		direction, packet, _ := strings.Cut(strings.TrimSpace(line), " ")
		if direction != ">" && direction != "<" {
			t.Fatalf("no direction: %q", line)
		}
		packets = append(packets, captured{fromInitiator: direction == ">", packet: bytesOf(t, packet)})
	}
	return packets
}

// Every chunk of the sessions is known and is written again from what was parsed; padding is kept. Two things are allowed to
// real endpoints, which these captures do not use: private chunks such as 4d would be kept as they are, and ping replies may
// be empty.
func TestRealSessionsAreRegenerated(t *testing.T) {
	private := map[ChunkType]bool{0x4d: true}
	for name, session := range captures(t) {
		for i, c := range session {
			got, types, padding, err := regenerate(c.packet)
			if err != nil {
				t.Fatalf("%s, packet %d: %v", name, i, err)
			}
			if strings.Trim(string(padding), "\xff") != "" {
				t.Errorf("%s, packet %d: not all is parsed: %x is no padding", name, i, padding)
			}
			if !bytes.Equal(got, c.packet) {
				t.Errorf("%s, packet %d:\ngot  %x\nwant %x", name, i, got, c.packet)
			}
			for _, chunkType := range types {
				if !private[chunkType] && !chunkType.AllowedIn(modeOf(t, c)) {
					t.Errorf("%s, packet %d: chunk %s is not allowed", name, i, chunkType)
				}
			}
		}
	}
}

// regenerate parses a packet whole and writes it again from the values.
func regenerate(packet []byte) (again []byte, types []ChunkType, padding []byte, err error) {
	header, chunks, err := ParseHeader(packet)
	if err != nil {
		return nil, nil, nil, err
	}
	again = header.Append(nil)
	var previous UserData
	for {
		chunk, rest, ok := NextChunk(chunks)
		if !ok {
			return append(again, chunks...), types, chunks, nil
		}
		value, err := parseChunk(chunk, previous)
		if err != nil {
			return nil, nil, nil, err
		}
		previous = userDataOf(value, previous)
		again = appendValue(again, value)
		types = append(types, chunk.Type)
		chunks = rest
	}
}

// userDataOf gives what the next user data refers to.
func userDataOf(value any, previous UserData) UserData {
	switch v := value.(type) {
	case UserData:
		return v
	case next:
		return v.UserData
	}
	return previous
}

// modeOf gives the mode of a packet after a check that it fits its direction.
func modeOf(t *testing.T, c captured) Mode {
	t.Helper()
	header, _, err := ParseHeader(c.packet)
	if err != nil {
		t.Fatal(err)
	}
	wanted := ModeResponder
	if c.fromInitiator {
		wanted = ModeInitiator
	}
	if header.Mode != wanted && header.Mode != ModeStartup {
		t.Errorf("mode %s from the wrong side", header.Mode)
	}
	return header.Mode
}

func TestRealSessionsShowWhatWasSaid(t *testing.T) {
	session := captures(t)["librtmfp-play.hex"]
	counts := map[ChunkType]int{}
	var data []byte
	for _, c := range session {
		_, chunks, err := ParseHeader(c.packet)
		if err != nil {
			t.Fatal(err)
		}
		var previous UserData
		for chunk, rest, ok := NextChunk(chunks); ok; chunk, rest, ok = NextChunk(rest) {
			counts[chunk.Type]++
			value, err := parseChunk(chunk, previous)
			if err != nil {
				t.Fatal(err)
			}
			previous = userDataOf(value, previous)
			data = append(data, previous.Data...)
		}
	}
	want := map[ChunkType]int{
		ChunkIHello: 1, ChunkRHello: 1, ChunkIIKeying: 1, ChunkRIKeying: 1,
		ChunkUserData: 8, ChunkNextUserData: 4, ChunkRangeAck: 8, ChunkCloseAck: 1,
	}
	for chunkType, count := range want {
		if counts[chunkType] != count {
			t.Errorf("%d chunks %s, want %d", counts[chunkType], chunkType, count)
		}
	}
	for _, words := range []string{"connect", "createStream", "NetConnection.Connect.Success", "NetStream.Play.Start"} {
		if !bytes.Contains(data, []byte(words)) {
			t.Errorf("no %q in the user data", words)
		}
	}
}
