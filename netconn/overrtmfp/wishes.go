package overrtmfp

import (
	"time"

	"afterglow/rtmfp"
)

// wishes are a client's wishes for introductions.
type wishes struct {
	allowance
	open  int                        // those that the application has not answered
	newer map[rtmfp.PeerID]time.Time // of the newest for each peer, within samePeer or not much longer
}

// samePeer is how soon a client may wish for the same peer again: earlier than clients repeat a hello. Peers are told only so many
// times a second, which one client alone shall not use up.
const samePeer = 500 * time.Millisecond

// take says whether the client may have a wish for a peer, of so many in a second, and so many that are open.
func (w *wishes) take(now time.Time, peer rtmfp.PeerID, perSecond int) bool {
	if w.open >= perSecond || now.Sub(w.newer[peer]) < samePeer || !w.allowance.take(now, perSecond) {
		return false
	}
	for p, at := range w.newer {
		if now.Sub(at) >= samePeer {
			delete(w.newer, p)
		}
	}
	if w.newer == nil {
		w.newer = make(map[rtmfp.PeerID]time.Time)
	}
	w.newer[peer] = now
	w.open++
	return true
}

// allowance is a bucket of permissions that holds those of a second.
type allowance struct {
	used float64
	at   time.Time
}

func (a *allowance) take(now time.Time, perSecond int) bool {
	a.used = max(0, a.used-now.Sub(a.at).Seconds()*float64(perSecond))
	a.at = now
	if a.used+1 > float64(perSecond) {
		return false
	}
	a.used++
	return true
}
