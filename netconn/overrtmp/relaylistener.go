package overrtmp

import (
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"

	"afterglow/netconn"
	"afterglow/rtmp"
)

// Hello is what stands before the handshake where a client is handed over: who it is.
type Hello struct {
	// Secret proves that whoever hands clients over is who it says.
	Secret string
	// Client is the ID that the client has already.
	Client string
	// Far is the client's end as it was when it came in.
	Far netconn.Far
}

// mostHello bounds a Hello, in bytes of JSON.
const mostHello = 16 << 10

var errHello = errors.New("whoever hands a client over did not say hello as agreed")

// append appends the hello as it is sent: four bytes of length, and JSON.
func (h Hello) append(dst []byte) ([]byte, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if len(text) > mostHello {
		return nil, fmt.Errorf("%w: %d bytes", errHello, len(text))
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(text)))
	return append(dst, text...), nil
}

// readHello reads no byte more than the hello.
func readHello(r io.Reader) (h Hello, err error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return h, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > mostHello {
		return h, fmt.Errorf("%w: %d bytes", errHello, n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, err
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, fmt.Errorf("%w: %w", errHello, err)
	}
	return h, nil
}

// RelayListener returns a listener for an rtmp.Server whose clients another process hands over with [OpenRelay] and the same secret.
// They are to the Server's Handler what they were to that process.
func RelayListener(l net.Listener, secret string) net.Listener { return relayListener{l, secret} }

type relayListener struct {
	net.Listener
	secret string
}

func (l relayListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	setBuffers(nc)
	return &relayConn{Conn: nc, secret: l.secret}, nil
}

// relayBuffer is how much the system keeps for a client between the processes, in bytes. What is kept there comes late to a client
// that is slow.
const relayBuffer = 128 << 10

func setBuffers(nc net.Conn) {
	if b, ok := nc.(interface{ SetWriteBuffer(int) error }); ok {
		_ = b.SetWriteBuffer(relayBuffer)
	}
}

// relayConn is a connection that begins with a hello, which the first Read takes: the handshake's, with its time limit.
type relayConn struct {
	net.Conn
	secret string
	greet  bool // the hello has come
	hello  Hello
}

func (c *relayConn) Read(p []byte) (int, error) {
	if !c.greet {
		h, err := readHello(c.Conn)
		if err != nil {
			return 0, err
		}
		if subtle.ConstantTimeCompare([]byte(h.Secret), []byte(c.secret)) != 1 {
			return 0, errHello
		}
		c.hello, c.greet = h, true
	}
	return c.Conn.Read(p)
}

// TCPConn and UnixConn return the socket beneath, to which the server may write at once; nil if it is none of the kind.
func (c *relayConn) TCPConn() *net.TCPConn {
	t, _ := c.Conn.(*net.TCPConn)
	return t
}

// UnixConn is as TCPConn.
func (c *relayConn) UnixConn() *net.UnixConn {
	u, _ := c.Conn.(*net.UnixConn)
	return u
}

// CloseWrite ends the sending direction.
func (c *relayConn) CloseWrite() error {
	if hw, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return hw.CloseWrite()
	}
	return nil
}

// User control events that relays exchange, in a range that RTMP does not use. They are kept from clients.
const (
	eventPrivate rtmp.Event = 0xFF00 // the first of the range
	eventGoodbye rtmp.Event = 0xFF00 // downwards: the connection ends, which tells it from the death of the process
	eventMoved   rtmp.Event = 0xFF01 // upwards: the client is elsewhere; the rest is a netconn.Far in JSON
)

// relocated takes what a relay says of where the client is now.
func (s *session) relocated(m netconn.Message) {
	var far netconn.Far
	if rtmp.Event(binary.BigEndian.Uint16(m.Payload)) != eventMoved || json.Unmarshal(m.Payload[2:], &far) != nil {
		return
	}
	before := s.Far()
	s.moved.Store(&far)
	s.nc.Moved(before)
}

var goodbye = rtmp.UserControl{Event: eventGoodbye}.Message()

// privateEvent says whether a message is an event that only relays exchange.
func privateEvent(m netconn.Message) bool {
	return m.Type == netconn.TypeUserControl && len(m.Payload) >= 2 && rtmp.Event(binary.BigEndian.Uint16(m.Payload)) >= eventPrivate
}
