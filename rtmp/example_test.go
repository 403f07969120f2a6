package rtmp_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"afterglow/rtmp"
)

// A server that answers every message with one of its own, and a client.
func Example() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	srv := &rtmp.Server{Handler: rtmp.HandlerFunc(func(c *rtmp.Conn) {
		for {
			m, err := c.ReadMessage()
			if err != nil {
				return
			}
			answer := fmt.Sprintf("%d bytes at %d ms", len(m.Payload), m.Timestamp)
			_ = c.Send(rtmp.Message{Type: rtmp.TypeDataAMF0, Payload: []byte(answer)})
		}
	})}
	go srv.Serve(l)
	defer srv.Close()

	c, err := rtmp.Dial(context.Background(), "rtmp://"+l.Addr().String()+"/live")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.WriteMessage(rtmp.Message{Type: rtmp.TypeVideo, Timestamp: 40, StreamID: 1, Payload: make([]byte, 5000)}); err != nil {
		log.Fatal(err)
	}
	m, err := c.ReadMessage()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", m.Payload)
	// Output: 5000 bytes at 40 ms
}

// What many viewers get alike is made into chunks once.
func ExampleAppendChunks() {
	m := rtmp.Message{Type: rtmp.TypeAudio, Timestamp: 1000, StreamID: 1, Payload: []byte{0xAF, 0x01, 0x21}}
	chunks := rtmp.AppendChunks(nil, &m, rtmp.ChunkStreamFor(m.Type), rtmp.DefaultChunkSize)
	fmt.Printf("% x\n", chunks)
	// Output: 04 00 03 e8 00 00 03 08 01 00 00 00 af 01 21
}

func ExampleParseURL() {
	u, err := rtmp.ParseURL("rtmp://example.com/live/camera?key=secret")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(u.Host, u.App, u.Stream)
	// Output: example.com:1935 live camera?key=secret
}
