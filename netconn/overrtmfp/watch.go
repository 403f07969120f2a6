package overrtmfp

import (
	"time"

	"afterglow/rtmfp"
)

// The times of a watch.
const (
	// stallTime is how long nothing may be heard before the far end is asked, and then again. Frames, or the acknowledgements
	// of ours, come every 40 ms or so, and a loss is told of within some round trips: who hears nothing for so long is likely
	// to have lost its address. It is short enough for what follows to take less than a second, and longer than the pauses of
	// most streams, for which a Ping now and then is no harm. It is not lengthened: when an outage ends the first Ping that passes
	// has both ends send at once, who have backed off to 10 s by then.
	stallTime = 300 * time.Millisecond

	// watchTime is how long after the last media a watch goes on.
	watchTime = 2 * time.Second
)

// watch sees to it that a client whose media has stopped is found again. A far end sends to the address that it has seen last: if
// that is another by now, because the client is in another network or its NAT has forgotten it, it takes a packet of the client's
// for the far end to learn the new one (RFC 7016 3.5.4.2), and a client that plays says nothing by itself before its keepalive.
// A watch belongs to a session's shard. It has one timer, which runs while media does.
type watch struct {
	session *rtmfp.Session
	media   rtmfp.Instant // when media came or went last
	running bool
	timer   *time.Timer
}

func newWatch(s *rtmfp.Session) *watch { return &watch{session: s} }

// fed notes media. A nil watch is that of a server, whose address does not change.
func (w *watch) fed() {
	if w == nil {
		return
	}
	w.media = w.session.Core().Now()
	if !w.running {
		w.running = true
		w.after(stallTime)
	}
}

func (w *watch) after(d time.Duration) {
	if w.timer != nil {
		w.timer.Reset(d)
		return
	}
	w.timer = time.AfterFunc(d, func() { w.session.Do(w.look) })
}

// look asks for a sign of life if there is none. It goes on until there is, or the session gives up: a question that stays open
// counts for its rtmfp.Times.GiveUp.
func (w *watch) look() {
	if !w.running || !w.session.IsOpen() {
		return
	}
	silence := w.session.Stats().Silence
	switch {
	case silence >= stallTime:
		w.session.Probe(heardAgain)
		w.after(stallTime)
	case w.session.Core().Now().Sub(w.media) > watchTime:
		w.running = false
	default:
		w.after(stallTime - silence)
	}
}

// heardAgain has nothing to do: it is the session that acts on what it hears.
func heardAgain() {}

func (w *watch) stop() {
	if w == nil {
		return
	}
	w.running = false
	if w.timer != nil {
		w.timer.Stop()
	}
}
