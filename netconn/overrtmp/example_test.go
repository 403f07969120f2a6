package overrtmp_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
	"afterglow/streams"
)

// hall lets everybody publish and play.
type hall struct{ hub *streams.Hub }

func (h hall) Connect(_ *netconn.Conn, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	reply.Give(netconn.ConnectAnswer{Rights: netconn.AllRights})
}

func (h hall) Publish(_ *netconn.Conn, r netconn.PublishRequest, reply *netconn.Reply[netconn.PublishAnswer]) {
	p, err := h.hub.Publish(r.Name, streams.Claim{Evicted: r.Stream.Evict})
	reply.Give(netconn.PublishAnswer{Publisher: p, Err: err})
}

func (h hall) Play(_ *netconn.Conn, r netconn.PlayRequest, reply *netconn.Reply[netconn.PlayAnswer]) {
	reply.Give(netconn.PlayAnswer{Subscriber: h.hub.Subscribe(r.Name, streams.SubscribeOptions{})})
}

func (h hall) Call(_ *netconn.Conn, _ netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
	reply.Give(netconn.CallAnswer{Err: netconn.ErrNoMethod})
}

func (h hall) Introduce(_ netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
	reply.Give(netconn.IntroduceAnswer{})
}
func (h hall) Moved(*netconn.Conn, netconn.Far)                         {}
func (h hall) SharedObject(*netconn.Conn, *netconn.SharedObjectMessage) {}

func (h hall) Published(*netconn.Conn, netconn.PublishRequest) {}

func (h hall) Unpublished(*netconn.Conn, string) {}

func (h hall) Refused(*netconn.Conn, netconn.Status) {}

func (h hall) Disconnected(*netconn.Conn, error) {}

// A server that lets everybody in, with a client that publishes to it and one that plays.
func Example() {
	front := overrtmp.NewServer(hall{streams.NewHub(streams.Config{})}, overrtmp.Config{}, nil)
	srv := &rtmp.Server{Handler: front}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go srv.Serve(l)
	defer srv.Close()

	ctx, url := context.Background(), "rtmp://"+l.Addr().String()+"/live"
	publisher, err := overrtmp.Dial(ctx, url, overrtmp.DialOptions{})
	if err != nil {
		log.Fatal(err)
	}
	out, _ := publisher.CreateStream(ctx, netconn.StreamEvents{})
	if err := out.Publish(ctx, "camera", "live"); err != nil {
		log.Fatal(err)
	}
	_ = out.Write(ctx, media.NewPacket(media.KindVideo, 40, []byte{0x17, 1, 0, 0, 0, 0x65}))

	player, err := overrtmp.Dial(ctx, url, overrtmp.DialOptions{})
	if err != nil {
		log.Fatal(err)
	}
	seen := make(chan *media.Packet, 10)
	in, _ := player.CreateStream(ctx, netconn.StreamEvents{Packet: func(p *media.Packet) {
		if p.Kind == media.KindVideo {
			seen <- p
		}
	}})
	if err := in.Play(ctx, "camera", netconn.PlayLive, -1); err != nil {
		log.Fatal(err)
	}
	p := <-seen
	fmt.Println(p.Kind, p.Codec, p.Timestamp, p.Keyframe)
	player.Close()
	publisher.Close()
	<-player.Done()
	<-publisher.Done()
	// Output: video H.264 40 true
}
