//go:build !linux

package rtmp

import "net"

// rawSocket is not to be had here: every write is made by a goroutine that may wait.
type rawSocket interface{}

type vectors struct{}

func newRawSocket(net.Conn) rawSocket { return nil }

func (g *Gather) writeTo(rawSocket) (int, error) { return 0, nil }
