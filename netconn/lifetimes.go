package netconn

import (
	"strconv"
	"strings"
	"time"
)

// The bounds of what a player may ask for: the greater of maxLifetime and twice what it would get anyway.
const maxLifetime = 10 * time.Second

// override takes what a player asks for in the query of a stream's name, in seconds: audioLifetime=0.5&videoLifetime=1, and
// previousGopStartByMargin, as rtmfp-cpp's players do, and expirePreviousGop, which no, false and 0 turn off. Parameters are
// separated by "&", ";" or "?"; of several with a name the last one holds.
func (l Lifetimes) override(query string) Lifetimes {
	out := l
	for _, field := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' || r == '?' }) {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "audioLifetime":
			overrideSeconds(&out.Audio, l.Audio, value)
		case "videoLifetime":
			overrideSeconds(&out.Video, l.Video, value)
		case "previousGopStartByMargin":
			overrideSeconds(&out.PreviousGroup, l.PreviousGroup, value)
		case "expirePreviousGop":
			if value == "0" || value == "no" || value == "false" {
				out.PreviousGroup = -1
			}
		}
	}
	return out
}

// overrideSeconds takes a number of seconds within the bounds; anything else changes nothing. Zero is as short as can be.
func overrideSeconds(to *time.Duration, usual time.Duration, value string) {
	seconds, err := strconv.ParseFloat(value, 64)
	if err != nil || seconds < 0 || seconds != seconds {
		return
	}
	most := max(maxLifetime, 2*usual)
	*to = max(time.Millisecond, time.Duration(min(seconds, most.Seconds())*float64(time.Second)))
}
