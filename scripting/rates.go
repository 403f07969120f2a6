package scripting

import "time"

// rates tell how fast something is received and sent: on average since the last time that anybody asked, or over the time
// before that if it is less than a second ago.
type rates struct {
	at      time.Time // the zero time before anybody has asked
	in, out uint64    // bytes by then
	perIn   uint64    // bytes a second
	perOut  uint64
}

// ratesApart is how much time is between two measurements at least.
const ratesApart = time.Second

// measure takes what has been received and sent up to now. It begins with what was at the time since.
func (r *rates) measure(since, now time.Time, in, out uint64) (perIn, perOut uint64) {
	if r.at.IsZero() {
		r.at = since
	}
	if d := now.Sub(r.at); d >= ratesApart {
		r.perIn, r.perOut = perSecond(in, r.in, d), perSecond(out, r.out, d)
		r.at, r.in, r.out = now, in, out
	}
	return r.perIn, r.perOut
}

// perSecond is how much a count has grown each second.
func perSecond(now, before uint64, d time.Duration) uint64 {
	if now < before {
		return 0
	}
	return uint64(float64(now-before) / d.Seconds())
}
