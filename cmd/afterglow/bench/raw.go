package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"

	"afterglow/rtmp"
)

// Raw frames, the floor's: a length, a type with a bit for keyframes, three bytes unused, a timestamp.
const (
	rawHeader   = 12
	rawKeyframe = 0x80
	rawHello    = 8
	rawPublish  = "AGpb"
	rawPlay     = "AGpl"
)

func appendRaw(b []byte, kind byte, keyframe bool, timestamp uint32, payload []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	if keyframe {
		kind |= rawKeyframe
	}
	b = append(b, kind, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, timestamp)
	return append(b, payload...)
}

func appendHello(b []byte, role string, stream int) []byte {
	return binary.BigEndian.AppendUint32(append(b, role...), uint32(stream))
}

// rawWriter publishes to the floor server.
type rawWriter struct {
	conn    net.Conn
	scratch []byte
	done    chan error
}

func publishRaw(ctx context.Context, t target, stream int) (frameWriter, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(appendHello(nil, rawPublish, stream)); err != nil {
		_ = c.Close()
		return nil, err
	}
	return &rawWriter{conn: c, done: make(chan error)}, nil
}

func (w *rawWriter) write(kind byte, keyframe bool, timestamp uint32, payload []byte) error {
	w.scratch = appendRaw(w.scratch[:0], kind, keyframe, timestamp, payload)
	_, err := w.conn.Write(w.scratch)
	return err
}

func (w *rawWriter) closed() <-chan error { return w.done }
func (w *rawWriter) close()               { _ = w.conn.Close() }

// rawParser is to the floor's frames what chunkParser is to RTMP.
type rawParser struct {
	kind   byte
	length uint32
	left   uint32
	inside bool
	head   []byte
}

// feed parses b and returns how many last bytes of it belong to a header that is not complete.
func (p *rawParser) feed(b []byte, sink messageSink) (rest int, err error) {
	for len(b) > 0 || p.inside && p.left == 0 {
		if !p.inside {
			if len(b) < rawHeader {
				return len(b), nil
			}
			p.length = binary.BigEndian.Uint32(b)
			p.kind = b[4] &^ rawKeyframe
			if p.length > rtmp.MaxMessageSize {
				return 0, fmt.Errorf("%w: frame of %d bytes", errProtocol, p.length)
			}
			p.left, p.inside, p.head = p.length, true, p.head[:0]
			b = b[rawHeader:]
			continue
		}
		n := min(int(p.left), len(b))
		if room := stampReach - len(p.head); room > 0 {
			p.head = append(p.head, b[:min(room, n)]...)
		}
		p.left -= uint32(n)
		b = b[n:]
		if p.left > 0 {
			return 0, nil
		}
		p.inside = false
		if err := sink.message(p.kind, 1, int(p.length), p.head); err != nil {
			return 0, err
		}
	}
	return 0, nil
}
