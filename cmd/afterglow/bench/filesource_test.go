package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"afterglow/media"
	"afterglow/media/flv"
)

// writeFile makes an FLV file of one second: configuration, then a picture and an audio frame each 100 ms.
func writeFile(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := flv.NewWriter(&b, nil)
	packet := func(kind media.Kind, at uint32, body []byte) {
		if err := w.WritePacket(media.NewPacket(kind, at, body)); err != nil {
			t.Fatal(err)
		}
	}
	packet(media.KindVideo, 0, avcHeader)
	packet(media.KindAudio, 0, aacHeader)
	for i := range uint32(10) {
		packet(media.KindVideo, 5000+i*100, []byte{0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65})
		packet(media.KindAudio, 5000+i*100, []byte{0xaf, 1, 0x21, byte(i)})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "film.flv")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestFileIsStampedAndLoopsInTime(t *testing.T) {
	f, err := loadFile(writeFile(t))
	if err != nil {
		t.Fatal(err)
	}
	s := f.source()
	if got := len(s.preamble()); got != 2 {
		t.Errorf("%d frames of configuration, want 2", got)
	}
	for i := range 45 {
		fr, err := s.next()
		if err != nil {
			t.Fatal(err)
		}
		round := i / 20
		want := time.Duration(round)*f.length + time.Duration(i%20/2)*100*time.Millisecond
		if fr.at != want {
			t.Fatalf("frame %d is at %s, want %s", i, fr.at, want)
		}
		b := fr.append(nil, Stamp{Sequence: uint64(i)})
		if st, ok := findStamp(fr.kind, b); !ok || st.Sequence != uint64(i) {
			t.Fatalf("frame %d: stamp %v %v", i, st, ok)
		}
		if fr.kind == typeAudio && !bytes.HasSuffix(b, []byte{0x21, byte(i % 20 / 2)}) {
			t.Errorf("frame %d lost what it held: % x", i, b)
		}
	}
	if f.length < 900*time.Millisecond || f.length > time.Second {
		t.Errorf("file lasts %s, want about a second", f.length)
	}
}

func TestFileWithoutMediaIsRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "empty.flv")
	if err := os.WriteFile(name, []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadFile(name); err == nil {
		t.Error("want an error")
	}
}
