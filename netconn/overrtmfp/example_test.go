package overrtmfp_test

import (
	"context"
	"fmt"
	"log"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// A server, a client that publishes directly, and another that plays from it: the server introduces the two and carries nothing.
func Example() {
	ctx := context.Background()
	room := netconntest.NewRoom() // a netconn.Handler
	server := overrtmfp.NewServer(room, overrtmfp.Config{}, nil)
	identity, err := flash.NewIdentity(flash.IdentityConfig{AcceptsAncillary: true})
	if err != nil {
		log.Fatal(err)
	}
	endpoint, err := rtmfp.Listen(ctx, rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{"127.0.0.1:0"}, Identity: identity, Listener: server.Listener(), Introducer: server,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer endpoint.Close()
	url := fmt.Sprintf("rtmfp://%v/live", endpoint.Addrs()[0])

	publisher, err := overrtmfp.Dial(ctx, url, overrtmfp.DialOptions{})
	if err != nil {
		log.Fatal(err)
	}
	cam, err := publisher.PublishDirect("cam", overrtmfp.DirectOptions{})
	if err != nil {
		log.Fatal(err)
	}
	player, err := overrtmfp.Dial(ctx, url, overrtmfp.DialOptions{})
	if err != nil {
		log.Fatal(err)
	}
	got := make(chan *media.Packet, 1)
	stream, err := player.PlayDirect(ctx, publisher.PeerID(), "cam", netconn.StreamEvents{Packet: func(p *media.Packet) {
		if p.Kind == media.KindAudio {
			got <- p
		}
	}})
	if err != nil {
		log.Fatal(err)
	}
	if err := cam.Write(media.NewPacket(media.KindAudio, 20, []byte{0xAF, 1, 'h', 'i'})); err != nil {
		log.Fatal(err)
	}
	p := <-got
	fmt.Printf("%s at %d ms: %s\n", p.Codec, p.Timestamp, p.Payload[2:])

	stream.Close()
	for _, c := range []*overrtmfp.Client{player, publisher} {
		c.Close()
		<-c.Ended()
	}
	// Output: AAC at 20 ms: hi
}
