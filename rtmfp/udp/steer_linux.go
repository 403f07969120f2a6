package udp

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Steer makes the system choose the socket for what arrives on a group's port. Sockets are all that one call of [Listen] returned, in
// that order, and none was closed. A datagram goes to the socket whose index is id & mask, where id is its unscrambled session
// ID (RFC 7016 2.2.2). If there is no such socket, the session ID is zero (startup), or the datagram is too short for one, the
// source address decides: the same address leads to the same socket.
//
// Datagrams for two sessions that arrive from one address may have been joined (UDP_GRO) before they are steered, and then go where the first
// of them goes. So any socket may receive for any session, only rarely.
//
// When one of the sockets is closed, the last one takes its index: close all of them, or none.
// Its error is errors.ErrUnsupported on systems other than Linux, and for portable sockets.
func Steer(sockets []Conn, mask uint32) error {
	if len(sockets) == 0 {
		return errors.New("udp: no socket to steer to")
	}
	s, ok := sockets[0].(*socket)
	if !ok {
		return errors.ErrUnsupported
	}
	program := steering(mask)
	err := control(s.raw, func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &unix.SockFprog{
			Len:    uint16(len(program)),
			Filter: &program[0],
		})
	})
	if err != nil {
		return fmt.Errorf("udp: steering a group: %w", err)
	}
	return nil
}

// steering is the program. It sees the payload of a datagram and returns an index; the kernel takes the hash of
// the addresses instead if there is no such socket.
func steering(mask uint32) []unix.SockFilter {
	const (
		load       = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS // big-endian, at an offset into the payload
		loadLength = unix.BPF_LD | unix.BPF_W | unix.BPF_LEN
		toX        = unix.BPF_MISC | unix.BPF_TAX
		xorX       = unix.BPF_ALU | unix.BPF_XOR | unix.BPF_X
		and        = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
		ifEqual    = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ifAtLeast  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		giveA      = unix.BPF_RET | unix.BPF_A
		give       = unix.BPF_RET | unix.BPF_K
		nobody     = 1<<32 - 1
	)
	return []unix.SockFilter{
		{Code: loadLength},
		{Code: ifAtLeast, K: 12, Jt: 0, Jf: 8}, // if shorter, to nobody
		{Code: load, K: 0},
		{Code: toX},
		{Code: load, K: 4},
		{Code: xorX},
		{Code: toX},
		{Code: load, K: 8},
		{Code: xorX},
		{Code: ifEqual, K: 0, Jt: 0, Jf: 1},
		{Code: give, K: nobody},
		{Code: and, K: mask},
		{Code: giveA},
	}
}
