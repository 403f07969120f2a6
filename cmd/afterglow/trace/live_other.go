//go:build !linux

package trace

import (
	"errors"
	"fmt"
)

// Live captures what passes an interface. There is none on this system.
type Live struct{}

// OpenLive fails: capturing needs Linux. Elsewhere tcpdump -w - can be read from standard input.
func OpenLive(name string) (*Live, error) {
	return nil, fmt.Errorf("capturing on %s: %w on this system; use: tcpdump -i %s -U -w - udp | afterglow trace -", name,
		errors.ErrUnsupported, name)
}

// Next fails.
func (l *Live) Next() (Frame, error) { return Frame{}, errors.ErrUnsupported }

// Lost is zero.
func (l *Live) Lost() int { return 0 }

// Close does nothing.
func (l *Live) Close() error { return nil }
