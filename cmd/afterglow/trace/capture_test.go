package trace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// frames gives all frames of a capture, with data of their own.
func frames(t testing.TB, capture []byte) (all []Frame) {
	t.Helper()
	source, err := NewReader(bytes.NewReader(capture))
	if err != nil {
		t.Fatal(err)
	}
	for {
		f, err := source.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Data = bytes.Clone(f.Data)
		all = append(all, f)
	}
}

// pcapFile writes a pcap file in a byte order, with a unit of time.
func pcapFile(order binary.AppendByteOrder, magic uint32, unit time.Duration, all []Frame) []byte {
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(order.AppendUint16(b, 2), 4)
	b = order.AppendUint32(append(b, make([]byte, 8)...), 0)
	b = order.AppendUint32(b, uint32(all[0].Link))
	for _, f := range all {
		b = order.AppendUint32(b, uint32(f.At.Unix()))
		b = order.AppendUint32(b, uint32(f.At.Nanosecond()/int(unit)))
		b = order.AppendUint32(order.AppendUint32(b, uint32(len(f.Data))), uint32(len(f.Data)))
		b = append(b, f.Data...)
	}
	return b
}

// ngBlockOf is a block of a pcapng file.
func ngBlockOf(order binary.AppendByteOrder, kind uint32, body []byte) []byte {
	body = append(slices.Clone(body), make([]byte, -len(body)&3)...)
	b := order.AppendUint32(order.AppendUint32(nil, kind), uint32(len(body)+12))
	return order.AppendUint32(append(b, body...), uint32(len(body)+12))
}

// ngSection is a section header with one interface that has a resolution.
func ngSection(order binary.AppendByteOrder, link LinkType, options ...byte) []byte {
	head := order.AppendUint32(nil, ngByteOrder)
	head = order.AppendUint64(order.AppendUint16(order.AppendUint16(head, 1), 0), 1<<64-1)
	b := ngBlockOf(order, blockSection, head)
	device := order.AppendUint32(order.AppendUint16(order.AppendUint16(nil, uint16(link)), 0), 0)
	return append(b, ngBlockOf(order, blockInterface, append(device, options...))...)
}

// ngResolution is the option for one.
func ngResolution(order binary.AppendByteOrder, resolution byte) []byte {
	return append(order.AppendUint16(order.AppendUint16(nil, 9), 1), resolution, 0, 0, 0)
}

func ngPacket(order binary.AppendByteOrder, stamp uint64, data []byte) []byte {
	body := order.AppendUint32(order.AppendUint32(order.AppendUint32(nil, 0), uint32(stamp>>32)), uint32(stamp))
	body = order.AppendUint32(order.AppendUint32(body, uint32(len(data))), uint32(len(data)))
	return ngBlockOf(order, blockEnhanced, append(body, data...))
}

func TestEveryFormOfCaptureGivesTheSameFrames(t *testing.T) {
	capture := read(t, "testdata/session.pcap")
	want := frames(t, capture)
	forms := map[string][]byte{}
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		forms["pcap µs "+name] = pcapFile(order, pcapMicroseconds, time.Microsecond, want)
		forms["pcap ns "+name] = pcapFile(order, pcapNanoseconds, 1, want)
		for unit, resolution := range map[uint64]byte{1e6: 6, 1e9: 9, 1e12: 12, 1 << 20: 0x80 | 20} {
			file := ngSection(order, LinkRaw, ngResolution(order, resolution)...)
			file = append(file, ngBlockOf(order, 5, make([]byte, 12))...) // statistics, to be skipped
			for _, f := range want {
				stamp := uint64(f.At.Unix())*unit + uint64(float64(f.At.Nanosecond())/1e9*float64(unit))
				file = append(file, ngPacket(order, stamp, f.Data)...)
			}
			forms["pcapng "+name+" "+time.Duration(unit).String()] = file
		}
	}
	for name, form := range forms {
		got := frames(t, form)
		if len(got) != len(want) {
			t.Errorf("%s: %d frames", name, len(got))
			continue
		}
		for i := range want {
			off := got[i].At.Sub(want[i].At).Abs()
			if !bytes.Equal(got[i].Data, want[i].Data) || got[i].Link != want[i].Link || off > 2*time.Microsecond {
				t.Errorf("%s: frame %d at %v differs by %v", name, i, got[i].At, off)
				break
			}
		}
	}
}

func TestSimplePacketsAndSectionsOfPcapNG(t *testing.T) {
	order := binary.LittleEndian
	file := append(ngSection(order, LinkRaw), ngPacket(order, 7e6, []byte("one."))...)
	file = append(file, ngBlockOf(order, blockSimple, append(order.AppendUint32(nil, 4), "two."...))...)
	file = append(file, ngSection(binary.BigEndian, LinkEthernet)...)
	file = append(file, ngPacket(binary.BigEndian, 8e6, []byte("three"))...)
	got := frames(t, file)
	if len(got) != 3 || string(got[1].Data) != "two." || got[1].At.Unix() != 7 {
		t.Fatalf("%+v", got)
	}
	if got[2].Link != LinkEthernet || string(got[2].Data) != "three" {
		t.Errorf("%+v", got)
	}
}

func TestBadCapturesAreRefused(t *testing.T) {
	order := binary.LittleEndian
	huge := order.AppendUint32(order.AppendUint32(nil, blockEnhanced), 0x7ffffff0)
	for name, file := range map[string][]byte{
		"nothing":          {},
		"text":             []byte("this is no capture at all, but text"),
		"version":          pcapFile(order, pcapNanoseconds, 1, []Frame{{}})[:4],
		"huge frame":       append(pcapFile(order, pcapNanoseconds, 1, []Frame{{}})[:24], bytes.Repeat([]byte{0x7f}, 100)...),
		"huge block":       append(ngSection(order, LinkRaw), append(huge, make([]byte, 100)...)...),
		"no interface":     append(ngSection(order, LinkRaw)[:28], ngPacket(order, 0, []byte("x"))...),
		"short block":      append(ngSection(order, LinkRaw), 6, 0, 0, 0, 4, 0, 0, 0),
		"frame over block": append(ngSection(order, LinkRaw), ngBlockOf(order, blockEnhanced, bytes.Repeat([]byte{0, 0, 0, 0}, 3))...),
	} {
		source, err := NewReader(bytes.NewReader(file))
		for err == nil {
			_, err = source.Next()
		}
		if !errors.Is(err, ErrCapture) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClocksThatNobodyHasDoNoHarm(t *testing.T) {
	for resolution := range 256 {
		i := ngInterface{resolution: uint8(resolution)}
		i.time(1<<64 - 1)
	}
}

func TestCaptureThatEndsWithinAFrameIsTracedUpToIt(t *testing.T) {
	capture := read(t, "testdata/session.pcap")
	got := traced(t, capture[:len(capture)-10], Options{}, string(read(t, "testdata/session.keys")))
	if !strings.Contains(got, "ends in the middle of a frame") || !strings.Contains(got, "23 datagrams") {
		t.Error(got)
	}
}

// udp4 is an IPv4 packet.
func udp4(payload string) []byte {
	b := append([]byte{0x45, 0, 0, byte(28 + len(payload)), 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7},
		0xc3, 0x50, 0x07, 0x8f, 0, byte(8+len(payload)), 0, 0)
	return append(b, payload...)
}

// udp6 is an IPv6 packet with two extension headers.
func udp6(payload string) []byte {
	udp := append([]byte{0xc3, 0x50, 0x07, 0x8f, 0, byte(8 + len(payload)), 0, 0}, payload...)
	extensions := []byte{ipv6Destination, 0, 1, 4, 0, 0, 0, 0, protocolUDP, 0, 1, 4, 0, 0, 0, 0}
	b := []byte{0x60, 0, 0, 0, 0, byte(len(extensions) + len(udp)), ipv6HopByHop, 64}
	from, to := netip.MustParseAddr("2001:db8::1").As16(), netip.MustParseAddr("2001:db8::7").As16()
	b = append(append(b, from[:]...), to[:]...)
	return append(append(b, extensions...), udp...)
}

func TestEveryLinkTypeGivesTheDatagram(t *testing.T) {
	header := func(size int, values ...byte) []byte { return append(make([]byte, size-len(values)), values...) }
	for name, c := range map[string]struct {
		link   LinkType
		before []byte
		packet []byte
	}{
		"raw":              {LinkRaw, nil, udp4("hello")},
		"raw, BSD":         {LinkRawBSD, nil, udp4("hello")},
		"IPv4":             {LinkIPv4, nil, udp4("hello")},
		"IPv6":             {LinkIPv6, nil, udp6("hello")},
		"Ethernet":         {LinkEthernet, header(14, 8, 0), udp4("hello")},
		"Ethernet, padded": {LinkEthernet, header(14, 8, 0), append(udp4("hello"), 0, 0, 0, 0, 0, 0)},
		"Ethernet, IPv6":   {LinkEthernet, header(14, 0x86, 0xdd), udp6("hello")},
		"VLAN":             {LinkEthernet, header(18, 0x81, 0, 0, 5, 8, 0), udp4("hello")},
		"two VLANs":        {LinkEthernet, header(22, 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0), udp4("hello")},
		"loopback":         {LinkNull, []byte{2, 0, 0, 0}, udp4("hello")},
		"OpenBSD loopback": {LinkLoop, []byte{0, 0, 0, 24}, udp6("hello")},
		"cooked":           {LinkSLL, header(16, 8, 0), udp4("hello")},
		"cooked 2":         {LinkSLL2, append([]byte{0x86, 0xdd}, make([]byte, 18)...), udp6("hello")},
	} {
		var n network
		d, ok := n.datagram(Frame{Link: c.link, Data: append(c.before, c.packet...)})
		if !ok || string(d.payload) != "hello" || d.from.Port() != 50000 || d.to.Port() != 1935 || d.cut {
			t.Errorf("%s: %v %v", name, d, ok)
		}
		for length := range c.before {
			if _, ok := n.datagram(Frame{Link: c.link, Data: c.before[:length]}); ok {
				t.Errorf("%s: a datagram in %d bytes", name, length)
			}
		}
	}
}

func TestFragmentsOfIPAreJoined(t *testing.T) {
	whole := udp4(strings.Repeat("abcdefgh", 20))
	binary.BigEndian.PutUint16(whole[2:], uint16(len(whole)))
	piece := func(from, to int, more bool) Frame {
		b := append(slices.Clone(whole[:20]), whole[20+from:20+to]...)
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		place := uint16(from / 8)
		if more {
			place |= 0x2000
		}
		binary.BigEndian.PutUint16(b[6:], place)
		return Frame{Link: LinkRaw, Data: b}
	}
	all := []Frame{piece(0, 64, true), piece(64, 128, true), piece(128, 168, false)}
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 1, 2, 0}, {2, 0, 2, 1}} {
		var n network
		var got []string
		for _, i := range order {
			if d, ok := n.datagram(all[i]); ok {
				got = append(got, string(d.payload))
			}
		}
		if len(got) != 1 || got[0] != strings.Repeat("abcdefgh", 20) {
			t.Errorf("in the order %v: %q", order, got)
		}
		if len(n.joiner.packets) > 0 && len(order) == 3 {
			t.Error("something is left")
		}
	}
}

func TestFragmentsOfIPv6AreJoined(t *testing.T) {
	whole := udp6("hello, world")
	transport := whole[40+16:]
	piece := func(from, to int, more byte) Frame {
		b := append(slices.Clone(whole[:40]), protocolUDP, 0, 0, byte(from)|more, 0, 0, 0, 9)
		b[6], b[5] = ipv6Fragment, byte(8+to-from)
		return Frame{Link: LinkRaw, Data: append(b, transport[from:to]...)}
	}
	var n network
	if _, ok := n.datagram(piece(8, len(transport), 0)); ok {
		t.Fatal("half is a whole")
	}
	if d, ok := n.datagram(piece(0, 8, 1)); !ok || string(d.payload) != "hello, world" {
		t.Errorf("%v %v", d, ok)
	}
}

func TestFragmentsBehindTheEndCompleteNothing(t *testing.T) {
	var j ipJoiner
	for _, p := range []ipPacket{
		{offset: 0, more: true, payload: make([]byte, 8)}, {offset: 800, more: true, payload: make([]byte, 8)},
		{offset: 16, payload: make([]byte, 8)},
	} {
		if whole, ok := j.add(time.Time{}, p); ok {
			t.Errorf("%d bytes of three fragments with a hole", len(whole))
		}
	}
}

func TestLengthOfUDPCounts(t *testing.T) {
	var n network
	packet := udp4("hello, padding")
	packet[25] = udpHeader + 5
	if d, _ := n.datagram(Frame{Link: LinkRaw, Data: packet}); string(d.payload) != "hello" || d.cut {
		t.Errorf("%q %v", d.payload, d.cut)
	}
	packet[25] = 100
	if d, _ := n.datagram(Frame{Link: LinkRaw, Data: packet}); !d.cut {
		t.Error("not cut")
	}
	packet[24], packet[25] = 0, 0
	if d, _ := n.datagram(Frame{Link: LinkRaw, Data: packet}); string(d.payload) != "hello, padding" {
		t.Errorf("%q", d.payload)
	}
}

func TestFragmentsThatNeverCompleteAreForgotten(t *testing.T) {
	var j ipJoiner
	for id := range uint32(1000) {
		j.add(time.Time{}, ipPacket{id: id, more: true, payload: make([]byte, 8), offset: 65520})
	}
	if len(j.packets) != maxJoining || len(j.order) != maxJoining {
		t.Errorf("%d packets, %d in order", len(j.packets), len(j.order))
	}
}
