package rtmfpload

import (
	"bytes"
	"context"
	"net/netip"
	"sync"

	"afterglow/rtmfp/udp"
	"afterglow/rtmfp/wire"
)

// recorder keeps copies of datagrams that sessions have sent, as somebody could who listens on the way.
type recorder struct {
	mu   sync.Mutex
	kept [][]byte
	next int
}

// mostKept is how many datagrams a recorder keeps: the latest.
const mostKept = 256

func (r *recorder) open(ctx context.Context, address string, count int, options udp.Options) ([]udp.Conn, error) {
	sockets, err := udp.Listen(ctx, address, count, options)
	for i := range sockets {
		sockets[i] = &tapped{Conn: sockets[i], recorder: r}
	}
	return sockets, err
}

func (r *recorder) keep(datagram []byte) {
	if id, ok := wire.SessionID(datagram); !ok || id == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kept) < mostKept {
		r.kept = append(r.kept, bytes.Clone(datagram))
		return
	}
	r.kept[r.next] = append(r.kept[r.next][:0], datagram...)
	r.next = (r.next + 1) % mostKept
}

func (r *recorder) datagrams() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([][]byte, len(r.kept))
	for i, d := range r.kept {
		all[i] = bytes.Clone(d)
	}
	return all
}

// tapped is a socket that is listened to.
type tapped struct {
	udp.Conn
	recorder *recorder
	room     []byte
}

// Room implements udp.Conn.
func (t *tapped) Room() []byte {
	t.room = t.Conn.Room()
	return t.room
}

// Send implements udp.Conn.
func (t *tapped) Send(n int, to netip.AddrPort) {
	t.recorder.keep(t.room[:n])
	t.Conn.Send(n, to)
}

// recorded gives the datagrams that were kept.
func (c *client) recorded(context.Context, none) (all [][]byte, err error) {
	for _, s := range c.seats {
		if s.recorder != nil {
			all = append(all, s.recorder.datagrams()...)
		}
	}
	return all, nil
}
