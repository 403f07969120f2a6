package flv

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"afterglow/media"
)

const fileHeader = "FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"

// Three tags, written down byte by byte.
const (
	tagData  = "\x12\x00\x00\x0D" + "\x00\x00\x00\x00" + "\x00\x00\x00" + "\x02\x00\x0AonMetaData" + "\x00\x00\x00\x18"
	tagAudio = "\x08\x00\x00\x04" + "\x00\x00\x28\x00" + "\x00\x00\x00" + "\xAF\x01\x21\x10" + "\x00\x00\x00\x0F"
	tagVideo = "\x09\x00\x00\x06" + "\x03\x02\x01\x04" + "\x00\x00\x00" + "\x17\x01\x00\x00\x00\x65" + "\x00\x00\x00\x11"
)

type seen struct {
	Type      uint8
	Timestamp uint32
	Payload   string
}

var (
	seenData  = seen{18, 0, "\x02\x00\x0AonMetaData"}
	seenAudio = seen{8, 40, "\xAF\x01\x21\x10"}
	seenVideo = seen{9, 0x04030201, "\x17\x01\x00\x00\x00\x65"}
	seenAll   = []seen{seenData, seenAudio, seenVideo}
)

func readAll(r *Reader) (all []seen, err error) {
	for p, err := range r.All() {
		if err != nil {
			return all, err
		}
		all = append(all, seen{p.MessageType(), p.Timestamp, string(p.Payload)})
	}
	return all, nil
}

// withoutBackPointer takes the last four bytes off.
func withoutBackPointer(tag string) string { return tag[:len(tag)-backPointerSize] }

// patched returns the tag with one byte changed.
func patched(tag string, at int, b byte) string {
	return tag[:at] + string([]byte{b}) + tag[at+1:]
}

func TestReaderSurvivesDamage(t *testing.T) {
	large := tag(8, 80, string(bytes.Repeat([]byte{0x2F}, 600)))
	tests := []struct {
		name  string
		input string
		want  []seen
		stats Stats
	}{
		{"nothing wrong", fileHeader + tagData + tagAudio + tagVideo, seenAll, Stats{}},
		{"nothing at all", "", nil, Stats{HeaderMissing: true}},
		{"only a header", fileHeader, nil, Stats{}},
		{"a truncated header", "FLV\x01", nil, Stats{HeaderMissing: true, Truncated: true, Skipped: 4}},
		{"no header", tagData + tagAudio + tagVideo, seenAll, Stats{HeaderMissing: true}},
		{"no header, but its back-pointer", "\x00\x00\x00\x00" + tagData + tagAudio + tagVideo, seenAll, Stats{HeaderMissing: true}},
		{"no back-pointer behind the header", fileHeader[:9] + tagData + tagAudio + tagVideo, seenAll, Stats{}},
		{"offset that says 0", "FLV\x01\x05\x00\x00\x00\x00\x00\x00\x00\x00" + tagData + tagAudio + tagVideo, seenAll, Stats{}},
		{"offset beyond the first tag", "FLV\x01\x05\x00\x00\x00\x29\x00\x00\x00\x00" + tagData + tagAudio + tagVideo, seenAll, Stats{}},
		{"offset beyond everything", "FLV\x01\x05\xFF\xFF\xFF\xFF\x00\x00\x00\x00" + tagData + tagAudio + tagVideo, seenAll, Stats{}},
		{"larger header of a later version", "FLV\x02\x05\x00\x00\x00\x0Dmore\x00\x00\x00\x00" + tagData + tagAudio + tagVideo, seenAll, Stats{}},
		{"garbage before the first tag", fileHeader + "garbage garbage" + tagData + tagAudio + tagVideo, seenAll,
			Stats{Resyncs: 1, Skipped: 15}},
		{"garbage between tags", fileHeader + tagData + "garbage, of more than a tag header" + tagAudio + tagVideo, seenAll,
			Stats{Resyncs: 1, Skipped: 34}},
		{"zeros between tags", fileHeader + tagData + string(make([]byte, 50)) + tagAudio + tagVideo, seenAll,
			Stats{Resyncs: 1, Skipped: 50}},
		{"garbage before a back-pointer", fileHeader + withoutBackPointer(tagData) + "garbage" + tagAudio + tagVideo, seenAll,
			Stats{Resyncs: 1, Skipped: 7, BadBackPointers: 1}},
		{"garbage at the end", fileHeader + tagData + tagAudio + tagVideo + "garbage garbage", seenAll,
			Stats{Resyncs: 1, Skipped: 15, Truncated: true}},
		{"another file behind", fileHeader + tagData + fileHeader + tagAudio + tagVideo, seenAll,
			Stats{Resyncs: 1, Skipped: 13}},
		{"back-pointers of zero",
			fileHeader + withoutBackPointer(tagData) + "\x00\x00\x00\x00" + withoutBackPointer(tagAudio) + "\x00\x00\x00\x00" + tagVideo,
			seenAll, Stats{BadBackPointers: 2}},
		{"missing back-pointers", fileHeader + withoutBackPointer(tagData) + withoutBackPointer(tagAudio) + tagVideo, seenAll,
			Stats{BadBackPointers: 2}},
		{"missing back-pointer behind a body that looks like a tag",
			fileHeader + withoutBackPointer(tag(18, 0, tagAudio)) + tagVideo, []seen{{18, 0, tagAudio}, seenVideo},
			Stats{BadBackPointers: 1}},
		{"last back-pointer missing", fileHeader + tagData + tagAudio + withoutBackPointer(tagVideo), seenAll,
			Stats{BadBackPointers: 1}},
		{"last back-pointer truncated", fileHeader + tagData + tagAudio + tagVideo[:len(tagVideo)-2], seenAll,
			Stats{BadBackPointers: 1}},
		{"last tag truncated", fileHeader + tagData + tagAudio + tagVideo[:14], []seen{seenData, seenAudio},
			Stats{Truncated: true, Resyncs: 1, Skipped: 14}},
		{"last tag header truncated", fileHeader + tagData + tagAudio + tagVideo[:5], []seen{seenData, seenAudio},
			Stats{Truncated: true, Skipped: 5}},
		{"size too large", fileHeader + patched(tagData, 3, 0x1E) + tagAudio + tagVideo, []seen{seenAudio, seenVideo},
			Stats{Resyncs: 1, Skipped: int64(len(tagData))}},
		{"size beyond the end", fileHeader + patched(tagData, 2, 0x01) + tagAudio + tagVideo, []seen{seenAudio, seenVideo},
			Stats{Resyncs: 1, Skipped: int64(len(tagData))}},
		{"size beyond the limit", fileHeader + patched(tagData, 1, 0x40) + tagAudio + tagVideo, []seen{seenAudio, seenVideo},
			Stats{Resyncs: 1, Skipped: int64(len(tagData)), Oversized: 1}},
		{"tag beyond the limit", fileHeader + tagData + large + tagAudio + tagVideo, seenAll,
			Stats{Resyncs: 1, Skipped: int64(len(large)), Oversized: 1}},
		{"stream id not zero", fileHeader + tagData + patched(tagAudio, 10, 1) + tagVideo, seenAll, Stats{}},
		{"reserved bits set", fileHeader + tagData + patched(tagAudio, 0, 0x88) + tagVideo, seenAll, Stats{}},
		{"encrypted tag", fileHeader + tagData + patched(tagAudio, 0, 0x28) + tagVideo, []seen{seenData, seenVideo}, Stats{Filtered: 1}},
		{"unknown tag type", fileHeader + tagData + patched(tagAudio, 0, 0x0A) + tagVideo, []seen{seenData, seenVideo}, Stats{Unknown: 1}},
		{"AMF3 tag", fileHeader + tag(15, 5, "\x00\x11\x01"), []seen{{15, 5, "\x00\x11\x01"}}, Stats{}},
		{"empty tag", fileHeader + tag(8, 5, "") + tagVideo, []seen{{8, 5, ""}, seenVideo}, Stats{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, src := range map[string]io.Reader{
				"at once":      bytes.NewReader([]byte(tt.input)),
				"byte by byte": iotest.OneByteReader(bytes.NewReader([]byte(tt.input))),
				"data and EOF": iotest.DataErrReader(bytes.NewReader([]byte(tt.input))),
			} {
				r := NewReader(src, &ReaderOptions{MaxTag: 512})
				got, err := readAll(r)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
				if diff := cmp.Diff(tt.stats, r.Stats(), cmpopts.IgnoreFields(Stats{}, "Tags")); diff != "" {
					t.Errorf("%s: stats (-want +got):\n%s", name, diff)
				}
				if r.Stats().Tags != int64(len(got)) {
					t.Errorf("%d tags counted, %d returned", r.Stats().Tags, len(got))
				}
			}
		})
	}
}

func tag(tagType uint8, timestamp uint32, body string) string {
	b := appendTagHeader(nil, tagType, len(body), timestamp)
	size := len(body) + tagHeaderSize
	return string(b) + body + string([]byte{0, byte(size >> 16), byte(size >> 8), byte(size)})
}

func TestReaderTellsWhatIsLeftOfATruncatedFile(t *testing.T) {
	whole := fileHeader + tagData + tagAudio + tagVideo
	ends := []int{len(fileHeader) + len(tagData), len(fileHeader) + len(tagData) + len(tagAudio), len(whole)}
	for n := range len(whole) + 1 {
		got, err := readAll(NewReader(bytes.NewReader([]byte(whole[:n])), nil))
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		want := 0
		for _, end := range ends {
			if n >= end-backPointerSize {
				want++
			}
		}
		if diff := cmp.Diff(seenAll[:want], got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%d bytes (-want +got):\n%s", n, diff)
		}
	}
}

func TestReaderGivesUpAfterMaxScan(t *testing.T) {
	garbage := bytes.Repeat([]byte{'x'}, 5000)
	r := NewReader(io.MultiReader(bytes.NewReader(garbage), bytes.NewReader([]byte(tagAudio+tagVideo))), &ReaderOptions{MaxScan: 4000})
	if _, err := r.Next(); !errors.Is(err, ErrLost) {
		t.Errorf("err = %v, want ErrLost", err)
	}
	if _, err := r.Next(); !errors.Is(err, ErrLost) {
		t.Errorf("then err = %v, want ErrLost to stay", err)
	}
	r = NewReader(io.MultiReader(bytes.NewReader(garbage), bytes.NewReader([]byte(tagAudio+tagVideo))), &ReaderOptions{MaxScan: 5000})
	if got, err := readAll(r); err != nil || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestReaderPassesReadErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	r := NewReader(io.MultiReader(bytes.NewReader([]byte(fileHeader+tagAudio+tagVideo[:8])), iotest.ErrReader(broken)), nil)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
}

type neverReady struct{}

func (neverReady) Read([]byte) (int, error) { return 0, nil }

func TestReaderDoesNotSpinOnAnInputWithoutProgress(t *testing.T) {
	if _, err := NewReader(neverReady{}, nil).Next(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("err = %v", err)
	}
}

func TestReaderTakesMemoryForBytesThatCame(t *testing.T) {
	claim := appendTagHeader([]byte(fileHeader), 9, 8<<20, 0)
	r := NewReader(bytes.NewReader(append(claim, make([]byte, 1000)...)), nil)
	if _, err := r.Next(); err != io.EOF {
		t.Fatal(err)
	}
	if cap(r.in.buf) > windowStart {
		t.Errorf("window of %d bytes for 1,024 bytes of input", cap(r.in.buf))
	}
}

func TestSearchDoesNotWaitForTagsBeyondTheLimit(t *testing.T) {
	input := append([]byte(fileHeader+"garbage garbage"), appendTagHeader(nil, 9, 1<<20, 0)...)
	input = append(input, make([]byte, 300_000)...)
	r := NewReader(bytes.NewReader(append(input, tagAudio...)), &ReaderOptions{MaxTag: 512})
	got, err := readAll(r)
	if err != nil || !cmp.Equal(got, []seen{seenAudio}) {
		t.Errorf("got %v, %v", got, err)
	}
	if cap(r.in.buf) > 2*windowStart {
		t.Errorf("window of %d bytes for tags of at most 512", cap(r.in.buf))
	}
}

func TestReaderReturnsATagAsSoonAsItIsThere(t *testing.T) {
	pr, pw := io.Pipe()
	defer pr.Close()
	go func() { _, _ = pw.Write([]byte(fileHeader + tagAudio)) }()
	// The pipe stays open and empty behind the tag; a reader that looked further would hang.
	if p, err := NewReader(pr, nil).Next(); err != nil || p.Timestamp != 40 {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestPacketsOwnTheirPayload(t *testing.T) {
	r := NewReader(bytes.NewReader([]byte(fileHeader+tagAudio+tagVideo)), nil)
	first, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	clear(r.in.buf[:cap(r.in.buf)])
	if string(first.Payload) != seenAudio.Payload {
		t.Errorf("payload became % X", first.Payload)
	}
}

func TestReaderHeader(t *testing.T) {
	r := NewReader(bytes.NewReader([]byte("FLV\x01\x04\x00\x00\x00\x09\x00\x00\x00\x00"+tagAudio)), nil)
	if got := r.Header(); got != (Header{Version: 1, HasAudio: true}) {
		t.Errorf("header %+v", got)
	}
	if _, err := r.Next(); err != nil {
		t.Errorf("after Header: %v", err)
	}
}

// sharedFile opens a sample, or skips the test where there is none.
func sharedFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "media", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the sample %s is not there; golden bytes cover the same ground", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEnhancedSamplesComeBackByteForByte(t *testing.T) {
	// Counted in the files by their tag headers alone.
	tests := []struct {
		name string
		want content
	}{
		{"enhanced-av1-opus.flv", content{starts: 2, metadata: 1, keyframes: 1, frames: 299, opus: 501, opusConfig: 2}},
		{"enhanced-av1-opus-multi.flv", content{starts: 2, metadata: 1, keyframes: 3, frames: 339, opus: 501, opusConfig: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := sharedFile(t, tt.name)
			var out bytes.Buffer
			w := NewWriter(&out, nil)
			r := NewReader(bytes.NewReader(file), nil)
			var got content
			for p, err := range r.All() {
				if err != nil {
					t.Fatal(err)
				}
				if p.Err != nil {
					t.Fatalf("at %d ms: %v", p.Timestamp, p.Err)
				}
				got.count(p)
				if err := w.WritePacket(p); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), file) {
				t.Errorf("%d bytes read, %d others written", len(file), out.Len())
			}
			want := Stats{Tags: r.Stats().Tags}
			if r.Stats() != want {
				t.Errorf("stats %+v", r.Stats())
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

type content struct{ starts, metadata, keyframes, frames, opus, opusConfig int }

func (c *content) count(p *media.Packet) {
	video := p.Codec == media.CodecAV01
	switch {
	case p.Metadata:
		c.metadata++
	case video && p.Config:
		c.starts++
	case video && p.Keyframe:
		c.keyframes++
	case video:
		c.frames++
	case p.Codec == media.CodecOpus && p.Config:
		c.opusConfig++
	case p.Codec == media.CodecOpus:
		c.opus++
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(fileHeader + tagData + tagAudio + tagVideo))
	f.Add([]byte(tagData + "garbage" + tagAudio + withoutBackPointer(tagVideo)))
	f.Add([]byte(fileHeader + patched(tagData, 3, 0x1E) + tagAudio + tagVideo + fileHeader))
	f.Add([]byte("FLV\x02\x05\x00\x00\x00\x0Dmore\x00\x00\x00\x00" + patched(tagAudio, 0, 0x28)))
	f.Fuzz(func(t *testing.T, input []byte) {
		r := NewReader(bytes.NewReader(input), &ReaderOptions{MaxTag: 4096})
		var out bytes.Buffer
		w := NewWriter(&out, &WriterOptions{AMF3Tags: true})
		var want []seen
		total := 0
		for p, err := range r.All() {
			if err != nil {
				t.Fatal(err)
			}
			total += tagHeaderSize + len(p.Payload)
			want = append(want, seen{p.MessageType(), p.Timestamp, string(p.Payload)})
			if err := w.WritePacket(p); err != nil {
				t.Fatal(err)
			}
		}
		if int64(total)+r.Stats().Skipped > int64(len(input)) {
			t.Errorf("%d bytes in tags and %d skipped, of %d", total, r.Stats().Skipped, len(input))
		}
		again := NewReader(&out, nil)
		got, err := readAll(again)
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("what was written reads as %v, %v; want %v", got, err, want)
		}
		if s := again.Stats(); s.Skipped != 0 || s.BadBackPointers != 0 {
			t.Errorf("what was written is damaged: %+v", s)
		}
	})
}
