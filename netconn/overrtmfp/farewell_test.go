package overrtmfp_test

import (
	"errors"
	"testing"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp/simnet"
	"afterglow/streams"
)

func TestServersReasonIsTheConnectionsAndEndsWhatIsPublishedDirectly(t *testing.T) {
	inNetwork(t, func(t *testing.T, live *simnet.Live) {
		h := newHouse(t, live, "192.0.2.1:1935", overrtmfp.Config{})
		c, err := h.visit(t, h.from("198.51.100.1:50000"))
		if err != nil {
			t.Fatal(err)
		}
		d, err := c.PublishDirect("film", overrtmfp.DirectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		sound := media.NewPacket(media.KindAudio, 0, []byte{0xAF, 1, 0})
		if err := d.Write(sound); err != nil {
			t.Fatal(err)
		}
		h.front.Tell(netconn.Status{Code: netconn.ConnectAppShutdown})
		<-c.Done()
		var status netconn.Status
		if !errors.As(c.Err(), &status) || status.Code != netconn.ConnectAppShutdown {
			t.Errorf("the connection has ended with %v", c.Err())
		}
		<-c.Ended()
		if err := d.Write(sound); !errors.Is(err, streams.ErrUnpublished) {
			t.Errorf("writing goes on: %v", err)
		}
		if _, err := c.PublishDirect("another", overrtmfp.DirectOptions{}); err == nil {
			t.Error("something is published after the end")
		}
	})
}
