package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
)

// listener is a socket that the server listens at.
type listener struct {
	net.Listener
	protocol string // rtmp, rtmps or http
}

// listen opens the address of a key of the configuration. An error says what can be done about it.
func listen(protocol, key, address string) (listener, error) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		return listener{Listener: l, protocol: protocol}, nil
	}
	_, port, _ := net.SplitHostPort(address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return listener{}, fmt.Errorf("%s: %w: another program has the port (see which: ss -ltnp 'sport = :%s'); stop it, or take another, as in --set %s=:0", key, err, port, key)
	case errors.Is(err, fs.ErrPermission):
		return listener{}, fmt.Errorf("%s: %w: ports below 1024 need the capability CAP_NET_BIND_SERVICE; take another, as in --set %s=:0", key, err, key)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return listener{}, fmt.Errorf("%s: %w: this host has no such address; use one of its own, or none for all: --set %s=:%s", key, err, key, port)
	}
	return listener{}, fmt.Errorf("%s: %w", key, err)
}
