package flv

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"afterglow/media"
)

func packet(t *testing.T, messageType uint8, timestamp uint32, payload string) *media.Packet {
	t.Helper()
	p, ok := media.FromMessage(messageType, timestamp, []byte(payload))
	if !ok {
		t.Fatalf("no packet of type %d", messageType)
	}
	return p
}

func TestWriterWritesGoldenBytes(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, nil)
	if out.Len() != 0 {
		t.Error("header written before the first packet")
	}
	for _, s := range seenAll {
		if err := w.WritePacket(packet(t, s.Type, s.Timestamp, s.Payload)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if want := fileHeader + tagData + tagAudio + tagVideo; out.String() != want {
		t.Errorf("got % X\nwant % X", out.String(), want)
	}
}

func TestWriterHeaderFlags(t *testing.T) {
	tests := []struct {
		name    string
		options *WriterOptions
		want    byte
	}{
		{"unknown", nil, 5},
		{"audio", &WriterOptions{Audio: true}, 4},
		{"video", &WriterOptions{Video: true}, 1},
		{"both", &WriterOptions{Audio: true, Video: true}, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			w := NewWriter(&out, tt.options)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if out.Len() != 13 || out.Bytes()[4] != tt.want {
				t.Errorf("got % X, want flags %d", out.Bytes(), tt.want)
			}
		})
	}
}

func TestCloseCorrectsTheFlagsOfAFile(t *testing.T) {
	tests := []struct {
		name    string
		options *WriterOptions
		before  string
		flags   int
		want    byte
	}{
		{"corrected", nil, "", 0, flagAudio},
		{"corrected behind other bytes", nil, "before", 0, flagAudio},
		{"given", &WriterOptions{Video: true}, "", 0, flagVideo},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "out.flv")
			f, err := os.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteString(tt.before); err != nil {
				t.Fatal(err)
			}
			w := NewWriter(f, tt.options)
			if err := w.WritePacket(packet(t, 8, 40, seenAudio.Payload)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want := tt.before + patched(fileHeader, 4, tt.want) + tagAudio
			if string(got) != want {
				t.Errorf("got % X\nwant % X", got, want)
			}
		})
	}
}

func TestWriterToAPipeLeavesTheHeader(t *testing.T) {
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pr.Close()
	w := NewWriter(pw, nil)
	if err := w.WritePacket(packet(t, 8, 40, seenAudio.Payload)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	pw.Close()
	if got, _ := io.ReadAll(pr); string(got) != fileHeader+tagAudio {
		t.Errorf("got % X", got)
	}
}

func TestRebasedTimestamps(t *testing.T) {
	const config, frame, data = "\x17\x00\x00\x00\x00\x01", "\x27\x01\x00\x00\x00\x41", "\x02\x00\x00"
	steps := []struct {
		messageType uint8
		in          uint32
		payload     string
		want        uint32
	}{
		{18, 7, data, 0},
		{9, 12, config, 0},
		{9, 0xFFFFFFF0, frame, 0},
		{8, 0xFFFFFFE0, "\xAF\x01\x21", 0},
		{9, 0xFFFFFFFA, frame, 10},
		{9, 4, frame, 20},
		{18, 8, data, 24},
		{9, 0x7FFFFFF0, frame, 0x80000000},
		{9, 0xFFFFFFE0, frame, 0xFFFFFFF0},
	}
	var out bytes.Buffer
	w := NewWriter(&out, &WriterOptions{Rebase: true})
	for _, s := range steps {
		if err := w.WritePacket(packet(t, s.messageType, s.in, s.payload)); err != nil {
			t.Fatal(err)
		}
	}
	r := NewReader(&out, nil)
	for i, s := range steps {
		p, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if p.Timestamp != s.want {
			t.Errorf("packet %d of time %d is at %d, want %d", i, s.in, p.Timestamp, s.want)
		}
	}
}

func TestDataInAMF3(t *testing.T) {
	const (
		pure     = "\x00" + "\x02\x00\x0AonMetaData" + "\x08\x00\x00\x00\x01\x00\x01a\x00\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09"
		switched = "\x00" + "\x02\x00\x0AonMetaData" + "\x11\x0A\x0B\x01\x01"
	)
	tests := []struct {
		name     string
		payload  string
		tags     bool
		wantType uint8
		want     string
	}{
		{"pure AMF0 loses its format byte", pure, false, 18, pure[1:]},
		{"AMF3 is refused", switched, false, 0, ""},
		{"another format is refused", "\x01" + pure[1:], false, 0, ""},
		{"nothing at all is refused", "", false, 0, ""},
		{"AMF3 in its own tags", switched, true, 15, switched},
		{"pure AMF0 in AMF3 tags", pure, true, 15, pure},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			w := NewWriter(&out, &WriterOptions{AMF3Tags: tt.tags})
			err := w.WritePacket(packet(t, 15, 3, tt.payload))
			if tt.wantType == 0 {
				if !errors.Is(err, ErrAMF3) || out.Len() != 0 {
					t.Errorf("err = %v, wrote % X", err, out.Bytes())
				}
				if err := w.WritePacket(packet(t, 8, 40, seenAudio.Payload)); err != nil || out.String() != fileHeader+tagAudio {
					t.Errorf("the writer did not go on: %v, % X", err, out.Bytes())
				}
				return
			}
			if err != nil || out.String() != fileHeader+tag(tt.wantType, 3, tt.want) {
				t.Errorf("err = %v, wrote % X", err, out.Bytes())
			}
		})
	}
}

// Every AMF0 marker once.
const everyMarker = "\x00\x40\x00\x00\x00\x00\x00\x00\x00" + // number
	"\x01\x01" + "\x02\x00\x01s" + // boolean, string
	"\x03\x00\x01p\x05\x00\x00\x09" + "\x06\x07\x00\x00" + // object, undefined, reference
	"\x08\x00\x00\x00\x00\x00\x01p\x0D\x00\x00\x09" + // ECMA array
	"\x0A\x00\x00\x00\x02\x05\x05" + // strict array
	"\x0B\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + // date
	"\x0C\x00\x00\x00\x01l" + "\x0F\x00\x00\x00\x01x" + // long string, XML
	"\x10\x00\x01C\x00\x01p\x05\x00\x00\x09" // typed object

func TestPureAMF0(t *testing.T) {
	if !pureAMF0([]byte(everyMarker)) {
		t.Error("every marker once is refused")
	}
	for name, b := range map[string]string{
		"AMF3":                     "\x11\x01",
		"AMF3 in an object":        "\x03\x00\x01p\x11\x01\x00\x00\x09",
		"AMF3 in an array":         "\x0A\x00\x00\x00\x01\x11\x01",
		"movie clip":               "\x04",
		"recordset":                "\x0E",
		"object end alone":         "\x09",
		"array of 2^32-1":          "\x0A\xFF\xFF\xFF\xFF\x05",
		"string beyond the end":    "\x0C\xFF\xFF\xFF\xFFx",
		"nested without end":       string(bytes.Repeat([]byte("\x0A\x00\x00\x00\x01"), 100_000)),
		"nested objects, no end":   string(bytes.Repeat([]byte("\x03\x00\x01p"), 100_000)),
		"object that never closes": "\x03\x00\x01p\x05",
	} {
		if pureAMF0([]byte(b)) {
			t.Errorf("%s is taken for AMF0", name)
		}
	}
	nested := func(depth int) []byte {
		return append(bytes.Repeat([]byte("\x0A\x00\x00\x00\x01"), depth-1), 0x05)
	}
	if !pureAMF0(nested(maxDepth)) || pureAMF0(nested(maxDepth+1)) {
		t.Errorf("the limit is not at a depth of %d", maxDepth)
	}
	// Where a value ends, so does a sound sequence; everywhere else a cut must be noticed.
	sound := map[int]bool{}
	for rest := []byte(everyMarker); ; {
		sound[len(everyMarker)-len(rest)] = true
		if len(rest) == 0 {
			break
		}
		rest, _ = skipValue(rest, maxDepth)
	}
	for n := range len(everyMarker) {
		if got := pureAMF0([]byte(everyMarker[:n])); got != sound[n] {
			t.Errorf("%d bytes: %v", n, got)
		}
	}
}

func TestPayloadsTooLargeForATagAreRefused(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, nil)
	err := w.WritePacket(media.NewPacket(media.KindVideo, 0, make([]byte, 1<<24)))
	if !errors.Is(err, ErrTooLarge) || out.Len() != 0 {
		t.Errorf("err = %v, wrote %d bytes", err, out.Len())
	}
}

type brokenWriter struct {
	io.Writer
	err error
}

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	return w.Writer.Write(b)
}

func TestWriteErrorsStay(t *testing.T) {
	dst := &brokenWriter{Writer: io.Discard, err: io.ErrShortWrite}
	w := NewWriter(dst, nil)
	p := packet(t, 8, 40, seenAudio.Payload)
	if err := w.WritePacket(p); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("err = %v", err)
	}
	dst.err = nil
	if err := w.WritePacket(p); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("after a broken tag err = %v", err)
	}
	if err := w.Close(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("Close: %v", err)
	}
}

func TestWriterIsClosedOnce(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, nil)
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.WritePacket(packet(t, 8, 40, seenAudio.Payload)); !errors.Is(err, ErrClosed) {
		t.Errorf("err = %v", err)
	}
	if out.String() != fileHeader {
		t.Errorf("wrote % X", out.Bytes())
	}
}

func BenchmarkWritePacket(b *testing.B) {
	p := media.NewPacket(media.KindVideo, 0, make([]byte, 10_000))
	w := NewWriter(io.Discard, nil)
	b.ReportAllocs()
	for b.Loop() {
		_ = w.WritePacket(p)
	}
}
