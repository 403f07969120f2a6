//go:build unix

package udp

import (
	"errors"
	"sync/atomic"
	"syscall"
)

// dropped is the counter for datagrams that were not sent because of err.
func (c *counters) dropped(err error) *atomic.Uint64 {
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return &c.droppedBlocked
	case errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
		return &c.droppedNoBuffers
	case errors.Is(err, syscall.EMSGSIZE):
		return &c.droppedTooLong
	}
	return &c.droppedOther
}
