// Package streams is the hub between those who publish and those who watch.
//
// A [Hub] has the live streams of one application instance. A [Publisher] appends packets to its stream's ring; a
// [Subscriber] is a cursor into that ring, which its owner pulls with [Subscriber.Next]. Nothing is copied for a
// subscriber, no lock is taken for a packet that two of them share, and one that falls behind is moved to the newest
// keyframe without anybody else noticing.
//
//	hub := streams.NewHub(streams.Config{})
//	pub, _ := hub.Publish("camera", streams.Claim{})
//	sub := hub.Subscribe("camera", streams.SubscribeOptions{})
//	pub.Write(media.NewPacket(media.KindVideo, 0, payload))
//	item, ok := sub.Next()
package streams
