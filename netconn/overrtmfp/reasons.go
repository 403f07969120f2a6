package overrtmfp

import (
	"errors"
	"fmt"

	"afterglow/netconn"
	"afterglow/rtmfp"
)

// reasonOf says in this package's words why a session has ended.
func reasonOf(err error) error {
	switch {
	case errors.Is(err, rtmfp.ErrClosedByPeer):
		return ErrHungUp
	case errors.Is(err, rtmfp.ErrTimeout):
		return ErrDead
	case errors.Is(err, rtmfp.ErrClosed):
		return netconn.ErrDisconnected
	case errors.Is(err, rtmfp.ErrAbuse):
		return fmt.Errorf("%w: %w", netconn.ErrLimit, err)
	}
	return err
}

// count counts the end of a connection by its reason; ordinary says that it is not worth a warning.
func (s *Stats) count(reason error) (ordinary bool) {
	var status netconn.Status
	switch {
	case errors.Is(reason, ErrSlow):
		s.Slow.Add(1)
	case errors.Is(reason, ErrDead):
		s.Dead.Add(1)
	case errors.Is(reason, rtmfp.ErrReplaced):
		s.Replaced.Add(1)
		return true
	case errors.Is(reason, ErrHungUp) || errors.Is(reason, netconn.ErrDisconnected) || errors.As(reason, &status):
		s.Closed.Add(1)
		return true
	default:
		s.Abused.Add(1)
	}
	return false
}
