package trace

import (
	"bytes"
	"encoding/binary"
	"io"
	"path/filepath"
	"testing"
	"time"

	"afterglow/rtmfp/wire"
)

// FuzzCapture reads anything as a capture file, and traces it.
func FuzzCapture(f *testing.F) {
	capture, key := recorded(f)
	f.Add(capture)
	order := binary.LittleEndian
	f.Add(append(ngSection(order, LinkSLL2), ngPacket(order, 1, append(make([]byte, 20), udp4("x")...))...))
	f.Add(append(ngSection(order, LinkEthernet, ngResolution(order, 64)...), ngPacket(order, 1, udp6("x"))...))
	f.Fuzz(func(t *testing.T, file []byte) {
		source, err := NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		tracer := New(io.Discard, Options{Hold: time.Second})
		tracer.KeyLine(key)
		tracer.Read(t.Context(), source, nil)
		if err := tracer.Finish(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzFrame gives the network a few frames of any link type.
func FuzzFrame(f *testing.F) {
	f.Add(uint32(LinkRaw), udp4("hello"), udp6("hello"))
	f.Add(uint32(LinkSLL2), append(make([]byte, 20), udp4("hello")...), []byte{})
	f.Fuzz(func(t *testing.T, link uint32, one, two []byte) {
		var n network
		for _, data := range [][]byte{one, two, one, two} {
			n.datagram(Frame{Link: LinkType(link), Data: data})
		}
	})
}

// FuzzPackets has the end of a session that a key is known of say anything: input is a number of plain packets, each behind its
// length.
func FuzzPackets(f *testing.F) {
	path := filepath.Join(filepath.Dir(foreignFiles), "foreign-librtmfp-client.txt")
	session := readForeign(f, path)[0]
	line := session.keyLine(f)
	seeds := []byte{}
	for _, d := range session.datagrams {
		if packet, ok := must(parseKey(line)).open(idOf(d.data), d.data[wire.SessionIDSize:], nil); ok && packet.to == responder {
			seeds = append(append(seeds, byte(len(packet.plain)>>8), byte(len(packet.plain))), packet.plain...)
		}
	}
	f.Add(seeds, false)
	f.Add(seeds[:len(seeds)/2], true)
	f.Fuzz(func(t *testing.T, input []byte, asJSON bool) {
		var out bytes.Buffer
		tracer := New(&out, Options{Hex: true, JSON: asJSON})
		key := must(parseKey(line))
		tracer.keys.add(key)
		for i := 0; len(input) >= 2; i++ {
			size := min(int(input[0])<<8|int(input[1]), len(input)-2)
			packet := opened{plain: input[2 : 2+size], to: responder}
			input = input[2+size:]
			if !fromEnd(packet) {
				continue
			}
			d := datagram{from: addressA, to: addressB}
			m := marked{datagram: d, since: time.Duration(i) * time.Second, id: key.name.ids[responder], ok: true}
			tracer.sessionPacket(m, key, packet)
		}
		if tracer.sessions.held > maxHeld || tracer.sessions.flows > maxFlows {
			t.Errorf("%d bytes, %d flows", tracer.sessions.held, tracer.sessions.flows)
		}
		if err := tracer.Finish(); err != nil {
			t.Error(err)
		}
	})
}

func idOf(d []byte) uint32 {
	id, _ := wire.SessionID(d)
	return id
}

// FuzzStartup has a stranger say anything in startup packets.
func FuzzStartup(f *testing.F) {
	f.Add(wire.IHello{Discriminator: []byte("\x06\x0aa:b/c"), Tag: []byte("tag")}.Append([]byte{3}))
	f.Add(wire.Fragment{PacketID: 1, Data: []byte{3, 0x30, 0, 0}}.Append([]byte{3}))
	f.Fuzz(func(t *testing.T, plain []byte) {
		tracer := New(io.Discard, Options{})
		m := marked{datagram: datagram{from: addressA, to: addressB}, ok: true}
		if _, _, err := wire.ParseHeader(plain); err != nil {
			return
		}
		for m.id = range uint32(3) {
			tracer.startupPacket(m, plain)
		}
		if err := tracer.Finish(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzKeyLine reads anything as a line of a key log.
func FuzzKeyLine(f *testing.F) {
	_, key := recorded(f)
	f.Add(key)
	f.Fuzz(func(t *testing.T, line string) {
		if key, err := parseKey(line); err == nil && (key.to[0] == nil || key.to[1] == nil) {
			t.Error("neither ciphers nor an error")
		}
	})
}
