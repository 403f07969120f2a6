package overrtmfp

import (
	"log/slog"
	"sync/atomic"
)

// station is what the links of a server, or of a client, share.
type station struct {
	bounds atomic.Pointer[Limits]
	stats  Stats
	pumps  pumps
	log    *slog.Logger
}

func newStation(limits Limits, log *slog.Logger) *station {
	if log == nil {
		log = slog.Default()
	}
	s := &station{log: log}
	s.setLimits(limits)
	return s
}

func (s *station) setLimits(l Limits) {
	l = l.withDefaults()
	s.bounds.Store(&l)
}

func (s *station) limits() *Limits { return s.bounds.Load() }
