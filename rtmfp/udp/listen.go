package udp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// Listen opens count sockets that share address. Without a host (":1935") they take IPv6 and IPv4; "0.0.0.0:1935" is IPv4 alone.
// Port 0 is any free one, the same for all. A port that another socket has is refused, even if that one would share.
//
// On Linux the system spreads senders over the group by their addresses, and [Steer] changes that. Elsewhere a port cannot be
// shared like this: there, and with Options.Portable, it returns a single socket. Count is at most MaxGroup.
func Listen(ctx context.Context, address string, count int, options Options) ([]Conn, error) {
	if count < 1 || count > MaxGroup {
		return nil, fmt.Errorf("udp: a group has 1 to %d sockets, not %d", MaxGroup, count)
	}
	network, err := networkFor(address)
	if err != nil {
		return nil, err
	}
	if options.Portable {
		return listenPortable(ctx, network, address, options)
	}
	return listen(ctx, network, address, count, options)
}

// networkFor names the family of an address. Package net alone would open both for 0.0.0.0.
func networkFor(address string) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("udp: %w", err)
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		return "udp4", nil
	}
	return "udp", nil
}

func listenPortable(ctx context.Context, network, address string, options Options) ([]Conn, error) {
	conn, err := listenUDP(ctx, net.ListenConfig{}, network, address)
	if err != nil {
		return nil, err
	}
	return []Conn{newPortable(conn, options)}, nil
}

func listenUDP(ctx context.Context, config net.ListenConfig, network, address string) (*net.UDPConn, error) {
	conn, err := config.ListenPacket(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("udp: %w", err)
	}
	return conn.(*net.UDPConn), nil
}

// localAddr is the address of a socket of package net, which has a UDPAddr always.
func localAddr(conn *net.UDPConn) netip.AddrPort {
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
}
