package media_test

import (
	"fmt"

	"afterglow/media"
)

func ExampleNewPacket() {
	keyframe := media.NewPacket(media.KindVideo, 40, []byte("\x91hvc1\x00\x00\x42..."))
	fmt.Println(keyframe.Codec, keyframe.Keyframe, keyframe.CompositionTime)

	broken := media.NewPacket(media.KindVideo, 80, []byte("\x91hvc"))
	fmt.Println(broken.Err)
	// Output:
	// hvc1 true 66
	// media: enhanced video: FourCC: truncated
}

func ExampleViewer_Form() {
	// A player that announced no FourCC.
	player := media.Capabilities{VideoCodecs: 0xFC, AudioCodecs: 0x0FFF}.Viewer()

	p := media.NewPacket(media.KindAudio, 0, []byte("\x90mp4a\x12\x10"))
	if form, ok := player.Form(p); ok {
		fmt.Printf("%v: % X\n", form.Codec, form.Payload)
	}
	fmt.Println(player.CanPlay(media.CodecOpus))
	// Output:
	// AAC: AF 00 12 10
	// false
}

func ExamplePacket_Tracks() {
	p := media.NewPacket(media.KindAudio, 0, []byte("\x95\x11Opus\x00\x00\x00\x02en\x01\x00\x00\x02de"))
	for track, err := range p.Tracks() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d %v %s\n", track.ID, track.Codec, track.Body)
	}
	// Output:
	// 0 Opus en
	// 1 Opus de
}

func ExampleElapsed() {
	fmt.Println(media.Elapsed(4_294_967_290, 10))
	// Output: 16
}
