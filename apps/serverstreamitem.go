package apps

import (
	"context"
	"errors"
	"time"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/streams"
)

// item is a source that a ServerStream plays. It belongs to the instance's goroutine, but for what its feed does.
type item struct {
	stream *ServerStream
	source Source
	name   string
	feed   *feed
	timer  *time.Timer
	live   bool // the source is published
	cancel context.CancelFunc
}

func newItem(s *ServerStream, src Source) *item {
	return &item{stream: s, source: src, name: streamName(src.Name)}
}

func (it *item) begin() {
	s := it.stream
	it.feed = newFeed(s.publisher, &s.silent, &s.blind)
	it.feed.single = it.source.Length == 0
	it.feed.shown = func() { it.later(it.over) }
	if it.source.Remote != nil {
		it.pull()
		return
	}
	it.feed.turned = func(e streams.Event) { it.later(func() { it.turned(e == streams.EventPublish) }) }
	sub := s.instance.hub.Subscribe(it.name, streams.SubscribeOptions{Waker: it.feed})
	it.live = sub.Published()
	s.tell(netconn.PlayStart, it.name, "")
	s.work.Go(func() { it.feed.run(sub) })
	if it.source.Length > 0 || it.source.Length == 0 && !it.live {
		it.endsIn(it.source.span())
	}
}

// end ends the item: nothing of it is published from now on.
func (it *item) end() {
	if it.timer != nil {
		it.timer.Stop()
	}
	if it.cancel != nil {
		it.cancel()
	}
	it.feed.stop()
}

// later runs f on the instance's goroutine unless the item is over then. It may be called from anywhere.
func (it *item) later(f func()) {
	it.stream.later(func() {
		if it.stream.item == it {
			f()
		}
	})
}

func (it *item) over() { it.stream.itemOver(it) }

// endsIn has the item end after a while, instead of when it would have.
func (it *item) endsIn(d time.Duration) {
	if it.timer != nil {
		it.timer.Stop()
	}
	it.timer = time.AfterFunc(d, func() { it.later(it.over) })
}

// turned is called when the source has got or lost its publisher.
func (it *item) turned(live bool) {
	if it.live == live {
		return
	}
	it.live = live
	s := it.stream
	if live {
		s.tell(netconn.PlayPublishNotify, it.name, "")
		if it.source.Length > 0 {
			it.endsIn(it.source.span())
		}
		return
	}
	s.tell(netconn.PlayUnpublishNotify, it.name, "")
	// The last one waits for its publisher to come back.
	if len(s.playlist) > 0 {
		it.over()
	}
}

// fails ends the item for a reason that is told.
func (it *item) fails(err error) {
	var st netconn.Status
	if !errors.As(err, &st) || st.Code == "" || it.source.Remote.Err() != nil {
		st = netconn.Status{Code: netconn.PlayFailed, Description: "Failed to play " + it.name + ": " + err.Error()}
	}
	if st.Details == "" {
		st.Details = it.name
	}
	it.stream.pass(st)
	it.over()
}

// pull plays the source from another server.
func (it *item) pull() {
	s := it.stream
	ctx, cancel := context.WithCancel(context.Background())
	it.cancel = cancel
	it.feed.first = func() { it.later(func() { it.turned(true) }) }
	if it.source.Length > 0 {
		it.endsIn(it.source.span())
	}
	s.work.Go(func() {
		defer cancel()
		if err := it.pulling(ctx); ctx.Err() == nil {
			it.later(func() { it.fails(err) })
		}
	})
}

// pulling lasts as long as the item, or until something goes wrong.
func (it *item) pulling(ctx context.Context) error {
	remote := it.source.Remote
	stream, err := remote.CreateStream(ctx, netconn.StreamEvents{Status: it.remoteStatus, Packet: it.remotePacket})
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	start := it.source.Start
	if start >= 0 {
		start *= 1000
	}
	if err := stream.Play(ctx, it.source.Name, start, -1); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-remote.Done():
		return remote.Err()
	}
}

// remotePacket is called by the connection's reader.
func (it *item) remotePacket(p *media.Packet) {
	if p.Kind != media.KindData {
		it.feed.pulled(p)
		return
	}
	switch name := dataHandler(p); name {
	case "|RtmpSampleAccess", "onStatus", "onPlayStatus":
		// What the other server says to its players, of whom this server is one.
	case "onMetaData":
		it.feed.setData(name, p)
	default:
		it.feed.put(p)
	}
}

// remoteStatus is called by the connection's reader.
func (it *item) remoteStatus(st netconn.Status) {
	s := it.stream
	switch {
	case st.Code == netconn.PlayStart:
		it.later(func() { s.tell(netconn.PlayStart, it.name, "") })
	case st.Code == netconn.PlayPublishNotify:
		it.feed.splice()
		clear(it.feed.newest)
		it.later(func() { it.turned(true) })
	case st.Code == netconn.PlayUnpublishNotify:
		it.later(func() { it.turned(false) })
	case st.Code == netconn.PlayStop:
		// The end of a recorded source. Some servers say the same of a live one whose publisher has gone.
		it.later(func() {
			if it.live || it.source.Start >= 0 {
				it.over()
			}
		})
	case st.Code == netconn.PlayInsufficientBW:
		it.later(func() { s.pass(st) })
	case st.Level == netconn.LevelError:
		it.later(func() { it.fails(st) })
	}
}
