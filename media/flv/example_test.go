package flv_test

import (
	"bytes"
	"fmt"

	"afterglow/media"
	"afterglow/media/flv"
)

func ExampleWriter() {
	var file bytes.Buffer
	w := flv.NewWriter(&file, &flv.WriterOptions{Video: true, Rebase: true})
	packets := []*media.Packet{
		media.NewPacket(media.KindVideo, 9000, []byte("\x17\x00\x00\x00\x00configuration")),
		media.NewPacket(media.KindVideo, 9000, []byte("\x17\x01\x00\x00\x00keyframe")),
		media.NewPacket(media.KindVideo, 9040, []byte("\x27\x01\x00\x00\x00frame")),
	}
	for _, p := range packets {
		if err := w.WritePacket(p); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := w.Close(); err != nil {
		fmt.Println(err)
		return
	}
	for p, err := range flv.NewReader(&file, nil).All() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.Timestamp, p.Codec, p.Config, p.Keyframe)
	}
	// Output:
	// 0 H.264 true false
	// 0 H.264 false true
	// 40 H.264 false false
}

func ExampleReader() {
	damaged := "\x08\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x2F\x01\x00\x00\x00\x0D" + "something else" +
		"\x08\x00\x00\x02\x00\x00\x1A\x00\x00\x00\x00\x2F\x02\x00\x00\x00\x0D"
	r := flv.NewReader(bytes.NewReader([]byte(damaged)), nil)
	for p, err := range r.All() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.Timestamp, p.Codec)
	}
	fmt.Println(r.Stats().Skipped, "bytes skipped")
	// Output:
	// 0 MP3
	// 26 MP3
	// 14 bytes skipped
}
