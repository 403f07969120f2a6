// Package media knows what flows through a live stream: packets, and the little
// that has to be known of them to carry them well.
//
// A [Packet] is one audio, video or data message: a kind, a timestamp in
// milliseconds and an immutable payload, which is the body of an FLV tag and
// the payload of an RTMP message alike. [NewPacket] looks at the payload once
// and keeps the finding in [Info]: codec, codec configuration, keyframe, tracks.
// It reads the classic tags (FLV 10.1 Annex E) and Enhanced RTMP v2, ModEx and
// multitrack included, and never fails: malformed media carries [Info.Err].
//
//	p := media.NewPacket(media.KindVideo, 40, payload)
//	if p.Keyframe {
//		newest = p // a viewer may start here
//	}
//
// A viewer is described by a [Viewer], made of what its connect command said
// ([Capabilities]). [Viewer.Form] gives the form of a packet that suits it;
// [Packet.Classic] rewrites Enhanced H.264, AAC and MP3 to classic tags, once
// for all viewers.
package media
