package acceptance_test

import "afterglow/media"

func keyframe(at uint32) *media.Packet {
	return media.NewPacket(media.KindVideo, at, []byte{0x17, 1, 0, 0, 0, 0xAA})
}

func interframe(at uint32) *media.Packet {
	return media.NewPacket(media.KindVideo, at, []byte{0x27, 1, 0, 0, 0, 0xBB})
}
