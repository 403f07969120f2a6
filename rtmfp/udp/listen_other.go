//go:build !linux

package udp

import (
	"context"
	"errors"
)

func listen(ctx context.Context, network, address string, _ int, options Options) ([]Conn, error) {
	return listenPortable(ctx, network, address, options)
}

// Steer works on Linux alone: elsewhere its error is errors.ErrUnsupported.
func Steer([]Conn, uint32) error { return errors.ErrUnsupported }
