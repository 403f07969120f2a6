package streams_test

import (
	"fmt"
	"log"

	"afterglow/media"
	"afterglow/streams"
)

// A newcomer starts at the newest keyframe, with the codec's configuration before it.
func Example() {
	hub := streams.NewHub(streams.Config{})
	pub, err := hub.Publish("camera", streams.Claim{})
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	_ = pub.Write(media.NewPacket(media.KindVideo, 0, []byte{0x17, 0, 0, 0, 0, 1}))
	_ = pub.Write(media.NewPacket(media.KindVideo, 0, []byte{0x17, 1, 0, 0, 0}))
	_ = pub.Write(media.NewPacket(media.KindVideo, 40, []byte{0x27, 1, 0, 0, 0}))

	sub := hub.Subscribe("camera", streams.SubscribeOptions{})
	defer sub.Close()
	for {
		item, ok := sub.Next()
		if !ok {
			break
		}
		p := item.Packet
		fmt.Println(p.Timestamp, p.Kind, "configuration:", p.Config, "keyframe:", p.Keyframe)
	}
	// Output:
	// 0 video configuration: true keyframe: false
	// 0 video configuration: false keyframe: true
	// 40 video configuration: false keyframe: false
}
