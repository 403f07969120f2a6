package rtmp

import (
	"crypto/tls"
	"net"
	"testing"
)

// behind is a connection that says that writing to it is writing to a TCP connection.
type behind struct {
	net.Conn
	tcp *net.TCPConn
}

func (b behind) TCPConn() *net.TCPConn { return b.tcp }

// wrapped is one that says nothing of the kind, though it shows what is beneath.
type wrapped struct{ *net.TCPConn }

func (w wrapped) NetConn() net.Conn { return w.TCPConn }

func TestOnlyTCPConnectionsAreWrittenToWithoutWaiting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	tcp := nc.(*net.TCPConn)
	for _, test := range []struct {
		name string
		nc   net.Conn
		want bool
	}{
		{"TCP", tcp, true},
		{"TCPConn", behind{tcp, tcp}, true},
		{"no TCPConn after all", behind{tcp, nil}, false},
		{"wrapped", wrapped{tcp}, false},
		{"TLS", tls.Client(tcp, &tls.Config{}), false},
		{"TLS over TCPConn", tls.Client(behind{tcp, tcp}, &tls.Config{}), false},
	} {
		if got := newRawSocket(test.nc) != nil; got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
