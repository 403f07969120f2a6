package apps_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"afterglow/apps"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
)

// members is an application that lets in who says the word.
type members struct{ apps.Live }

func (members) Connect(c *apps.Client, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	go func() { // as if it asked somebody else
		if len(r.Args) == 0 || r.Args[0] != "please" {
			reply.Give(netconn.ConnectAnswer{Err: errors.New("say please")})
			return
		}
		reply.Give(c.Accept())
	}()
}

// An Afterglow server within another program, with an application of its own.
func Example() {
	server := apps.NewServer(apps.Options{Key: "secret", Log: slog.New(slog.DiscardHandler)})
	server.Register("members", members{})
	front := overrtmp.NewServer(server, overrtmp.Config{}, slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := &rtmp.Server{Handler: front}
	go srv.Serve(l)
	defer srv.Close()

	ctx, url := context.Background(), "rtmp://"+l.Addr().String()+"/members"
	_, err = overrtmp.Dial(ctx, url, overrtmp.DialOptions{})
	fmt.Println(err)
	var o overrtmp.DialOptions
	o.Connect.Args = []any{"please"}
	client, err := overrtmp.Dial(ctx, url, o)
	if err != nil {
		fmt.Println(err)
		return
	}
	stream, _ := client.CreateStream(ctx, netconn.StreamEvents{})
	fmt.Println(stream.Publish(ctx, "camera", "live"), server.Instances()[0].Name())
	client.Close()
	<-client.Done()
	// Output:
	// NetConnection.Connect.Rejected: say please
	// <nil> members/_definst_
}
