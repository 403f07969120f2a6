package bench

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"afterglow/rtmfp/udp"
)

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
}

// streetInbox has room for a batch of messages, each of which may be several datagrams that the kernel has joined.
type streetInbox struct {
	messages []message
	vectors  []unix.Iovec
	names    []unix.RawSockaddrInet4
	controls [][streetControl]byte
	memory   []byte
}

// streetControl has room for IP_PKTINFO and UDP_GRO.
const streetControl = 64

func (in *streetInbox) open() {
	in.messages = make([]message, streetBatch)
	in.vectors = make([]unix.Iovec, streetBatch)
	in.names = make([]unix.RawSockaddrInet4, streetBatch)
	in.controls = make([][streetControl]byte, streetBatch)
	in.memory = make([]byte, streetBatch*streetJoined)
	for i := range in.messages {
		in.vectors[i].Base = &in.memory[i*streetJoined]
		in.vectors[i].SetLen(streetJoined)
		h := &in.messages[i].header
		h.Name = (*byte)(unsafe.Pointer(&in.names[i]))
		h.Control = &in.controls[i][0]
		h.Iov = &in.vectors[i]
		h.SetIovlen(1)
	}
	in.reset(streetBatch)
}

// reset restores what the kernel has changed.
func (in *streetInbox) reset(filled int) {
	for i := range filled {
		h := &in.messages[i].header
		h.Namelen = unix.SizeofSockaddrInet4
		h.SetControllen(streetControl)
		h.Flags = 0
	}
}

// controlsOf reads to which address a message has come, and the size of its datagrams, 0 if there is one.
func (in *streetInbox) controlsOf(i int) (to [4]byte, size int) {
	b := in.controls[i][:min(int(in.messages[i].header.Controllen), streetControl)]
	for len(b) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		length := int(h.Len)
		if length < unix.SizeofCmsghdr || length > len(b) {
			break
		}
		body := b[unix.SizeofCmsghdr:length]
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(body) >= unix.SizeofInet4Pktinfo:
			to = [4]byte(body[8:12]) // ipi_addr
		case h.Level == unix.SOL_UDP && h.Type == unix.UDP_GRO && len(body) >= 4:
			size = int(int32(binary.NativeEndian.Uint32(body)))
		}
		b = b[min(unix.CmsgSpace(len(body)), len(b)):]
	}
	return to, size
}

// streetOutbox has what waits for Flush.
type streetOutbox struct {
	used     int
	messages []message
	vectors  []unix.Iovec
	name     unix.RawSockaddrInet4 // of the server
	controls []pktinfo
	memory   []byte
}

// pktinfo is the control message that names the sender.
type pktinfo struct {
	header unix.Cmsghdr
	info   unix.Inet4Pktinfo
	_      [4]byte
}

func (out *streetOutbox) open(server netip.AddrPort) {
	out.messages = make([]message, streetFlight)
	out.vectors = make([]unix.Iovec, streetFlight)
	out.controls = make([]pktinfo, streetFlight)
	out.memory = make([]byte, streetFlight*udp.RoomSize)
	out.name = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: bigEndian(server.Port()), Addr: server.Addr().As4()}
	for i := range out.messages {
		out.vectors[i].Base = &out.memory[i*udp.RoomSize]
		c := &out.controls[i]
		c.header = unix.Cmsghdr{Level: unix.IPPROTO_IP, Type: unix.IP_PKTINFO}
		c.header.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		h := &out.messages[i].header
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&out.name)), unix.SizeofSockaddrInet4
		h.Control = (*byte)(unsafe.Pointer(c))
		h.SetControllen(unix.CmsgSpace(unix.SizeofInet4Pktinfo))
		h.Iov = &out.vectors[i]
		h.SetIovlen(1)
	}
}

func (out *streetOutbox) room() []byte {
	at := out.used * udp.RoomSize
	return out.memory[at : at+udp.RoomSize : at+udp.RoomSize]
}

func (out *streetOutbox) add(n int, from [4]byte) {
	out.vectors[out.used].SetLen(n)
	out.controls[out.used].info.Spec_dst = from
	out.used++
}

// bigEndian turns a port around as the network has it.
func bigEndian(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}
