package trace

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Live captures what passes an interface, by a packet socket (AF_PACKET), which needs the capability CAP_NET_RAW.
type Live struct {
	file     *os.File
	raw      syscall.RawConn
	loopback map[int]bool
	data     []byte
	oob      []byte
}

// liveBuffer is how many bytes the system may keep for us.
const liveBuffer = 32 << 20

// OpenLive begins to capture. The name "any" means all interfaces.
func OpenLive(name string) (*Live, error) {
	index := 0
	if name != "any" {
		device, err := net.InterfaceByName(name)
		if err != nil {
			return nil, fmt.Errorf("capturing on %s: %w", name, err)
		}
		index = device.Index
	}
	socket, err := openPacketSocket(index)
	if err != nil {
		return nil, fmt.Errorf("capturing on %s: %w", name, err)
	}
	l := &Live{file: os.NewFile(uintptr(socket), name), data: make([]byte, maxFrame), oob: make([]byte, 256)}
	l.loopback = loopbacks()
	if l.raw, err = l.file.SyscallConn(); err != nil {
		return nil, fmt.Errorf("capturing on %s: %w", name, err)
	}
	return l, nil
}

func loopbacks() map[int]bool {
	all := make(map[int]bool)
	devices, err := net.Interfaces()
	if err != nil {
		return all
	}
	for _, device := range devices {
		if device.Flags&net.FlagLoopback != 0 {
			all[device.Index] = true
		}
	}
	return all
}

// openPacketSocket opens a socket that gives packets without the headers of the link.
func openPacketSocket(index int) (socket int, err error) {
	socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	err = preparePacketSocket(socket, index)
	if err != nil {
		unix.Close(socket)
		return 0, err
	}
	return socket, nil
}

func preparePacketSocket(socket, index int) error {
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, liveBuffer); err != nil {
		unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_RCVBUF, liveBuffer) // as much as is allowed
	}
	unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) // without it the time is ours
	if err := unix.SetsockoptSockFprog(socket, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, onlyUDP()); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	all := uint16(unix.ETH_P_ALL)
	address := &unix.SockaddrLinklayer{Protocol: all<<8 | all>>8, Ifindex: index}
	return os.NewSyscallError("bind", unix.Bind(socket, address))
}

// onlyUDP is a filter for the kernel: UDP over IPv4, and all of IPv6, whose headers are a chain. The fragments of UDP have the same
// protocol number.
func onlyUDP() *unix.SockFprog {
	const version4, version6 = 0x40, 0x60
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xf0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: version6, Jt: 3},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: version4, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 9},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: protocolUDP, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: maxFrame},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	return &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
}

// Next waits for the next packet. Packets to the same machine are taken when they arrive, not when they are sent too.
func (l *Live) Next() (Frame, error) {
	for {
		frame, from, err := l.receive()
		if err != nil {
			return Frame{}, err
		}
		if from == nil || from.Pkttype != unix.PACKET_OUTGOING || !l.loopback[from.Ifindex] {
			return frame, nil
		}
	}
}

func (l *Live) receive() (Frame, *unix.SockaddrLinklayer, error) {
	var n, controls int
	var from unix.Sockaddr
	var failed error
	err := l.raw.Read(func(socket uintptr) bool {
		n, controls, _, from, failed = unix.Recvmsg(int(socket), l.data, l.oob, 0)
		return failed != unix.EAGAIN && failed != unix.EINTR
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return Frame{}, nil, err
	}
	link, _ := from.(*unix.SockaddrLinklayer)
	return Frame{At: stamp(l.oob[:controls]), Link: LinkRaw, Data: l.data[:n]}, link, nil
}

// stamp is the time at which the kernel took the packet.
func stamp(controls []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(controls)
	if err != nil {
		return time.Now()
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Now()
}

// Lost is how many packets the system had no room for since the last call.
func (l *Live) Lost() int {
	lost := 0
	l.raw.Control(func(socket uintptr) {
		if stats, err := unix.GetsockoptTpacketStats(int(socket), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			lost = int(stats.Drops)
		}
	})
	return lost
}

// Close ends the capture, and a Next that waits.
func (l *Live) Close() error { return l.file.Close() }
