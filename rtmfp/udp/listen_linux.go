package udp

import (
	"context"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

func listen(ctx context.Context, network, address string, count int, options Options) ([]Conn, error) {
	first, err := listenUDP(ctx, net.ListenConfig{}, network, address)
	if err != nil {
		return nil, err
	}
	plain := []*net.UDPConn{first}
	if count > 1 {
		plain, err = complete(ctx, first, count)
	}
	defer func() {
		for _, conn := range plain {
			_ = conn.Close() // sockets live on in their files, if all went well
		}
	}()
	if err != nil {
		return nil, err
	}
	return adopt(plain, options)
}

// complete opens the others of a group. The first socket joins it only now that it is bound, so that it had the port for itself:
// had it been willing to share before, it could have joined the group of another process.
func complete(ctx context.Context, first *net.UDPConn, count int) ([]*net.UDPConn, error) {
	group := []*net.UDPConn{first}
	raw, err := first.SyscallConn()
	if err != nil {
		return group, fmt.Errorf("udp: %w", err)
	}
	if err := sharePort("", "", raw); err != nil {
		return group, fmt.Errorf("udp: sharing a port: %w", err)
	}
	network, local := "udp", localAddr(first)
	if local.Addr().Is4() {
		network = "udp4"
	}
	for len(group) < count {
		conn, err := listenUDP(ctx, net.ListenConfig{Control: sharePort}, network, local.String())
		if err != nil {
			return group, err
		}
		group = append(group, conn)
	}
	return group, nil
}

// sharePort is a Control function of net.ListenConfig.
func sharePort(_, _ string, raw syscall.RawConn) error {
	return control(raw, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
}

// adopt makes our own sockets of those of package net.
func adopt(plain []*net.UDPConn, options Options) ([]Conn, error) {
	group := make([]Conn, 0, len(plain))
	for _, conn := range plain {
		s, err := newSocket(conn, options)
		if err != nil {
			for _, opened := range group {
				_ = opened.Close()
			}
			return nil, fmt.Errorf("udp: %w", err)
		}
		group = append(group, s)
	}
	return group, nil
}

// control runs do with the descriptor, which cannot be closed meanwhile.
func control(raw syscall.RawConn, do func(fd int) error) error {
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = do(int(fd)) }); err != nil {
		return err
	}
	return inner
}
