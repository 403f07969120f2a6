package scripting

import "time"

// mostLogged is how many problems of one script are logged within a second: what goes wrong in each of a thousand timers
// would fill the disk.
const mostLogged = 100

// problemLog decides which problems are logged.
type problemLog struct {
	second  time.Time // when the present second began
	logged  int       // within it
	skipped int       // since the last that was logged
}

// next says whether the next problem is to be logged, and how many before it were not.
func (l *problemLog) next(now time.Time) (skipped int, ok bool) {
	if now.Sub(l.second) >= time.Second {
		l.second, l.logged = now, 0
	}
	if l.logged >= mostLogged {
		l.skipped++
		return 0, false
	}
	l.logged++
	skipped, l.skipped = l.skipped, 0
	return skipped, true
}
