package apps

import (
	"sync"
	"sync/atomic"

	"afterglow/media"
	"afterglow/streams"
)

// feed writes the packets of one item into what a ServerStream publishes. A source of this instance is copied by a
// goroutine, run, that the source's publisher wakes; one of another server is written by the connection's reader. Neither
// waits for anything but the streams' locks.
type feed struct {
	silent, blind *atomic.Bool        // leave out audio, video
	single        bool                // the first picture is all that is wanted
	turned        func(streams.Event) // called when the source gets or loses its publisher; nil for other servers
	first         func()              // called for the first media of another server; nil for this one
	shown         func()              // called when the single picture is written
	wake          chan struct{}
	quit          chan struct{}
	newest        map[media.Kind]uint32 // newest timestamp of each kind that another server has sent

	mu        sync.Mutex
	publisher *streams.Publisher
	stopped   bool
	began     bool // media has been written
	keyed     bool // video has begun; for other servers, which may begin in the midst of a group of pictures
}

func newFeed(p *streams.Publisher, silent, blind *atomic.Bool) *feed {
	return &feed{publisher: p, silent: silent, blind: blind, wake: make(chan struct{}, 1), quit: make(chan struct{}),
		newest: make(map[media.Kind]uint32)}
}

// Wake has run look for what is new.
func (f *feed) Wake() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// stop ends the feed: nothing is written once it has returned.
func (f *feed) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stopped {
		f.stopped = true
		close(f.quit)
	}
}

// run copies what a subscriber gets until the feed is stopped, and closes it.
func (f *feed) run(sub *streams.Subscriber) {
	defer sub.Close()
	for {
		sub.SetAudio(!f.silent.Load())
		sub.SetVideo(!f.blind.Load())
		for {
			item, ok := sub.Next()
			if !ok {
				break
			}
			if !f.copy(sub, item) {
				return
			}
		}
		select {
		case <-f.wake:
		case <-f.quit:
			return
		}
	}
}

// copy writes one item. It reports false when there is nothing more to do.
func (f *feed) copy(sub *streams.Subscriber, item streams.Item) (more bool) {
	if item.Event != streams.EventNone {
		if item.Event == streams.EventPublish {
			f.splice()
		}
		f.turned(item.Event)
		return true
	}
	if item.Packet.Kind == media.KindData {
		if handler, kept := sub.KeptAs(item.Packet); kept {
			return f.setData(handler, item.Packet)
		}
	}
	return f.put(item.Packet)
}

// splice tells the publisher that the source has another time now.
func (f *feed) splice() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stopped {
		f.publisher.Splice()
		f.keyed = false
	}
}

// pulled writes media of another server, from a keyframe on. It belongs to the connection's reader.
func (f *feed) pulled(p *media.Packet) {
	if f.turnsBack(p) {
		f.retime()
	}
	if f.wanted(p) {
		f.put(p)
	}
}

// mostBack is how far timestamps of one kind may go back, in milliseconds, without being those of another time.
const mostBack = 1000

// turnsBack notes the time of a packet, and says whether the source counts anew with it: not every server tells when another
// publisher has come.
func (f *feed) turnsBack(p *media.Packet) bool {
	newest, known := f.newest[p.Kind]
	back := known && media.Elapsed(newest, p.Timestamp) < -mostBack
	if back {
		clear(f.newest)
	}
	if back || !known || media.Before(newest, p.Timestamp) {
		f.newest[p.Kind] = p.Timestamp
	}
	return back
}

// retime tells the publisher that the source counts its time anew, and waits for a keyframe.
func (f *feed) retime() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return
	}
	f.publisher.Retime()
	f.keyed = false
}

// wanted says whether media of another server is to be written.
func (f *feed) wanted(p *media.Packet) bool {
	if p.Config || p.Metadata {
		return true
	}
	if p.Kind == media.KindAudio {
		return !f.silent.Load()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keyed = !f.blind.Load() && (f.keyed || p.Keyframe || p.Err == nil && p.Frame.Key())
	return f.keyed
}

// put writes a packet. It reports false when the feed is stopped, or has the single picture that it is for.
func (f *feed) put(p *media.Packet) (more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped || f.single && p.Kind == media.KindAudio {
		return !f.stopped
	}
	if f.publisher.Write(p) != nil {
		return false
	}
	f.noteMedia(p)
	if f.single && p.Kind == media.KindVideo && !p.Config && !p.Metadata && p.TrackCount > 0 {
		f.stopped = true
		close(f.quit)
		f.shown()
		return false
	}
	return true
}

func (f *feed) noteMedia(p *media.Packet) {
	if f.began || p.Kind == media.KindData {
		return
	}
	f.began = true
	if f.first != nil {
		f.first()
	}
}

// setData writes a data message that is kept.
func (f *feed) setData(handler string, p *media.Packet) (more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.stopped && f.publisher.SetData(handler, p) == nil
}
