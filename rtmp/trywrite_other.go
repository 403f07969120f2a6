//go:build !linux

package rtmp

import "net"

// tryWriter is not to be had here: every write is made by a goroutine that may wait.
type tryWriter struct{}

type vectors struct{}

func newTryWriter(net.Conn) *tryWriter { return nil }

func (t *tryWriter) write(*Gather) (int, error) { return 0, nil }
