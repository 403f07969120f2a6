package trace

import (
	"encoding/binary"
	"io"
	"time"
)

// pcap reads the classic form of capture files, version 2, with microseconds or nanoseconds.
type pcap struct {
	r     io.Reader
	order binary.ByteOrder
	unit  time.Duration
	link  LinkType
	head  [16]byte
	data  []byte
}

const (
	pcapMicroseconds = 0xa1b2c3d4
	pcapNanoseconds  = 0xa1b23c4d
)

func newPcap(r io.Reader) (*pcap, error) {
	var head [24]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, badCapture("no header")
	}
	c := &pcap{r: r}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(head[:]) {
		case pcapMicroseconds:
			c.order, c.unit = order, time.Microsecond
		case pcapNanoseconds:
			c.order, c.unit = order, time.Nanosecond
		}
	}
	if c.order == nil {
		return nil, badCapture("it begins with %x", head[:4])
	}
	if major := c.order.Uint16(head[4:]); major != 2 {
		return nil, badCapture("version %d", major)
	}
	c.link = LinkType(c.order.Uint32(head[20:]) & 0xffff) // above it are details of Ethernet checksums
	return c, nil
}

// Next gives the next frame.
func (c *pcap) Next() (Frame, error) {
	if _, err := io.ReadFull(c.r, c.head[:]); err != nil {
		return Frame{}, err
	}
	length := c.order.Uint32(c.head[8:])
	if length > maxFrame {
		return Frame{}, badCapture("a frame of %d bytes", length)
	}
	c.data = grown(c.data, int(length))
	if _, err := io.ReadFull(c.r, c.data); err != nil {
		return Frame{}, cutShort(err)
	}
	at := time.Unix(int64(c.order.Uint32(c.head[0:])), int64(c.order.Uint32(c.head[4:]))*int64(c.unit))
	return Frame{At: at, Link: c.link, Data: c.data}, nil
}
