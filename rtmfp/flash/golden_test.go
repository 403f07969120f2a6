package flash

import (
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"
)

// field is a line "name: value" of golden data.
type field struct{ name, value string }

// block is golden data between two empty lines.
type block []field

// readBlocks reads a file of golden data; lines that begin with # are comments.
func readBlocks(t testing.TB, name string) []block {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	var current block
	for line := range strings.Lines(string(data) + "\n\n") {
		line = strings.TrimSpace(line)
		name, value, ok := strings.Cut(line, ": ")
		switch {
		case strings.HasPrefix(line, "#"):
		case ok:
			current = append(current, field{name, value})
		case line != "":
			t.Fatalf("%q is not golden data", line)
		case len(current) > 0:
			blocks = append(blocks, current)
			current = nil
		}
	}
	return blocks
}

func (b block) text(t testing.TB, name string) string {
	t.Helper()
	for _, f := range b {
		if f.name == name {
			return f.value
		}
	}
	t.Fatalf("golden data without %s", name)
	return ""
}

func (b block) bytes(t testing.TB, name string) []byte {
	t.Helper()
	return unhex(t, b.text(t, name))
}

func (b block) number(t testing.TB, name string) int {
	t.Helper()
	n, err := strconv.Atoi(b.text(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
