//go:build !unix

package udp

import "sync/atomic"

// dropped is the counter for datagrams that were not sent because of err: such systems have other names for the reasons.
func (c *counters) dropped(error) *atomic.Uint64 { return &c.droppedOther }
