package trace

import (
	"encoding/binary"
	"io"
	"math/bits"
	"time"
)

// pcapNG reads the newer form of capture files, which consists of blocks. Those that hold no frames are skipped.
type pcapNG struct {
	r          io.Reader
	order      binary.ByteOrder
	interfaces []ngInterface
	last       time.Time
	body       []byte
}

// ngInterface is what an interface description block says.
type ngInterface struct {
	link       LinkType
	snap       uint32
	resolution uint8 // as in option if_tsresol
	offset     int64 // in seconds
}

// The types of blocks that matter.
const (
	blockInterface = 1
	blockOldPacket = 2
	blockSimple    = 3
	blockEnhanced  = 6
	blockSection   = 0x0a0d0d0a
)

const (
	ngByteOrder  = 0x1a2b3c4d
	ngMicros     = 6
	maxBlock     = maxFrame + 1<<16
	maxInterface = 1024
)

func newPcapNG(r io.Reader) *pcapNG { return &pcapNG{r: r, order: binary.LittleEndian} }

// Next gives the next frame.
func (c *pcapNG) Next() (Frame, error) {
	for {
		kind, body, err := c.block()
		if err != nil {
			return Frame{}, err
		}
		var frame Frame
		found := false
		switch kind {
		case blockInterface:
			err = c.describe(body)
		case blockEnhanced, blockOldPacket:
			frame, err = c.packet(kind, body)
			found = true
		case blockSimple:
			frame, err = c.simple(body)
			found = true
		}
		if err != nil || found {
			return frame, err
		}
	}
}

// block reads a block and gives its body; that of a block of no interest is nil.
func (c *pcapNG) block() (kind uint32, body []byte, err error) {
	var head [12]byte
	if _, err := io.ReadFull(c.r, head[:8]); err != nil {
		return 0, nil, err
	}
	read := 8
	kind = c.order.Uint32(head[:])
	if kind == blockSection { // the same in both byte orders
		if _, err := io.ReadFull(c.r, head[8:]); err != nil {
			return 0, nil, cutShort(err)
		}
		read = 12
		if err := c.section(head[8:]); err != nil {
			return 0, nil, err
		}
	}
	total := int64(c.order.Uint32(head[4:]))
	rest := total - int64(read)
	if total%4 != 0 || rest < 4 {
		return 0, nil, badCapture("a block of %d bytes", total)
	}
	body, err = c.bodyOf(kind, rest)
	return kind, body, err
}

// section begins a section, which has a byte order and interfaces of its own.
func (c *pcapNG) section(magic []byte) error {
	c.interfaces = c.interfaces[:0]
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if order.Uint32(magic) == ngByteOrder {
			c.order = order
			return nil
		}
	}
	return badCapture("byte order %x", magic)
}

// bodyOf reads what is left of a block, which ends with its length once more.
func (c *pcapNG) bodyOf(kind uint32, rest int64) ([]byte, error) {
	switch kind {
	case blockInterface, blockEnhanced, blockSimple, blockOldPacket:
	default:
		_, err := io.CopyN(io.Discard, c.r, rest)
		return nil, cutShort(err)
	}
	if rest > maxBlock {
		return nil, badCapture("a block of %d bytes", rest)
	}
	c.body = grown(c.body, int(rest))
	if _, err := io.ReadFull(c.r, c.body); err != nil {
		return nil, cutShort(err)
	}
	return c.body[:rest-4], nil
}

// describe takes an interface description block.
func (c *pcapNG) describe(body []byte) error {
	if len(body) < 8 || len(c.interfaces) >= maxInterface {
		return badCapture("an interface too much, or one of %d bytes", len(body))
	}
	described := ngInterface{
		link: LinkType(c.order.Uint16(body)), snap: c.order.Uint32(body[4:]), resolution: ngMicros,
	}
	for options := body[8:]; len(options) >= 4; {
		code, length := c.order.Uint16(options), int(c.order.Uint16(options[2:]))
		padded := 4 + (length+3)&^3
		if code == 0 || padded > len(options) {
			break
		}
		described.take(c.order, code, options[4:4+length])
		options = options[padded:]
	}
	c.interfaces = append(c.interfaces, described)
	return nil
}

func (i *ngInterface) take(order binary.ByteOrder, code uint16, value []byte) {
	const resolution, offset = 9, 14
	switch {
	case code == resolution && len(value) == 1:
		i.resolution = value[0]
	case code == offset && len(value) == 8:
		i.offset = int64(order.Uint64(value))
	}
}

// packet takes an enhanced packet block, or the obsolete packet block, which differs in one place.
func (c *pcapNG) packet(kind uint32, body []byte) (Frame, error) {
	if len(body) < 20 {
		return Frame{}, badCapture("a packet block of %d bytes", len(body))
	}
	index := int64(c.order.Uint32(body))
	if kind == blockOldPacket {
		index = int64(c.order.Uint16(body))
	}
	if index >= int64(len(c.interfaces)) {
		return Frame{}, badCapture("interface %d is not described", index)
	}
	length := c.order.Uint32(body[12:])
	if int64(length) > int64(len(body)-20) {
		return Frame{}, badCapture("a frame of %d bytes in a block of %d", length, len(body))
	}
	from := c.interfaces[index]
	c.last = from.time(uint64(c.order.Uint32(body[4:]))<<32 | uint64(c.order.Uint32(body[8:])))
	return Frame{At: c.last, Link: from.link, Data: body[20 : 20+length]}, nil
}

// simple takes a simple packet block, which has no time: it is given that of the frame before it.
func (c *pcapNG) simple(body []byte) (Frame, error) {
	if len(body) < 4 || len(c.interfaces) == 0 {
		return Frame{}, badCapture("a simple packet without an interface")
	}
	length := min(c.order.Uint32(body), uint32(len(body)-4))
	if snap := c.interfaces[0].snap; snap > 0 {
		length = min(length, snap)
	}
	return Frame{At: c.last, Link: c.interfaces[0].link, Data: body[4 : 4+length]}, nil
}

// time converts a timestamp. The resolution is an exponent, of two if the highest bit is set, else of ten; those that no clock
// has count as zero.
func (i *ngInterface) time(stamp uint64) time.Time {
	exponent := uint(i.resolution & 0x7f)
	if i.resolution&0x80 != 0 {
		if exponent > 63 {
			return time.Unix(i.offset, 0)
		}
		high, low := bits.Mul64(stamp&(1<<exponent-1), 1e9)
		return time.Unix(int64(stamp>>exponent)+i.offset, int64(high<<(64-exponent)|low>>exponent))
	}
	if exponent > 19 {
		return time.Unix(i.offset, 0)
	}
	second := uint64(1)
	for range exponent {
		second *= 10
	}
	fraction := stamp % second
	for ; exponent < 9; exponent++ {
		fraction *= 10
	}
	for ; exponent > 9; exponent-- {
		fraction /= 10
	}
	return time.Unix(int64(stamp/second)+i.offset, int64(fraction))
}
