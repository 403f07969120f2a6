package bench

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

const handshakeBytes = 1536 // each of C1 and C2 (RTMP 1.0 section 5.2.3)

// hello is C0 and C1 of a plain handshake.
func hello(r *rand.Rand) []byte {
	b := append(make([]byte, 9), randomBytes(r, handshakeBytes-8)...)
	b[0] = 3
	return b
}

// doorAttacks are those of somebody who does not get as far as the handshake's end.
var doorAttacks = []Attack{
	{
		Name: "handshake-garbage", About: "200 connections that send 4 KB of random bytes for a handshake",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.greet(ctx, 200, func(i int) []byte {
				b := randomBytes(seeded(i), 4096)
				if b[0] == 3 {
					b[0] = 4
				}
				return b
			})
		},
	},
	{
		Name: "handshake-version", About: "every first byte that is not RTMP's, on 255 connections",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.greet(ctx, 255, func(i int) []byte {
				if i >= 3 {
					i++
				}
				return append([]byte{byte(i)}, make([]byte, 2*handshakeBytes)...)
			})
		},
	},
	{
		Name: "http", About: "50 HTTP requests to the RTMP port",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			request := fmt.Sprintf("GET /live/stream HTTP/1.1\r\nHost: %s\r\nAccept: */*\r\n\r\n", a.target.address)
			return a.greet(ctx, 50, func(int) []byte { return []byte(request) })
		},
	},
	{
		Name: "tls", About: "50 TLS ClientHellos to the plain port",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.greet(ctx, 50, func(i int) []byte {
				return append([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), randomBytes(seeded(i), 506)...)
			})
		},
	},
	{
		Name: "proxy-header", About: "50 PROXY headers, versions 1 and 2, from an address that is no trusted proxy",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.greet(ctx, 50, func(i int) []byte {
				header := []byte("PROXY TCP4 203.0.113.7 203.0.113.8 40000 1935\r\n")
				if i%2 == 1 {
					header = []byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x07\xcb\x00\x71\x08\x9c\x40\x07\x8f")
				}
				return append(header, hello(seeded(i))...)
			})
		},
	},
	{
		Name: "stalled-handshake", About: "2,000 connections that stop before C0, within C1 or before C2",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.greet(ctx, 2000, func(i int) []byte {
				b := hello(seeded(i))
				return b[:[]int{0, 1, 2, 700, len(b) - 1, len(b)}[i%6]]
			})
		},
	},
	{
		Name: "trickled-handshake", About: "100 connections that send their handshake byte by byte, too slowly",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.trickle(ctx, 100, func(i int) ([]byte, error) { return hello(seeded(i)), nil })
		},
	},
	{
		Name: "stalled-connect", About: "100 connections that do the handshake and then say nothing",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(100), func(int) error {
				_, err := a.shake(ctx)
				return err
			})
		},
	},
	{
		Name: "garbage-after-handshake", About: "200 connections that do the handshake and go on with random bytes",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(200), func(i int) error {
				x, err := a.shake(ctx)
				if err != nil {
					return err
				}
				return x.write(randomBytes(seeded(i), 64<<10))
			})
		},
	},
	{
		Name: "reset", About: "3,000 connections that are reset at once, within the handshake, or while they connect",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(3000), func(i int) error {
				x, err := a.dial(ctx)
				if err != nil {
					return err
				}
				b := hello(seeded(i))
				switch i % 3 {
				case 1:
					err = x.write(b)
				case 2:
					connect := encode(128, commandMessage(0, "connect", 1.0, connectProperties(a.target)))
					err = x.write(bytes.Join([][]byte{b, make([]byte, handshakeBytes), connect}, nil))
				}
				x.abandon()
				return err
			})
		},
	},
}

// greet has connections send the first thing that they say.
func (a *assault) greet(ctx context.Context, n int, first func(i int) []byte) error {
	return a.each(ctx, a.n(n), func(i int) error {
		x, err := a.dial(ctx)
		if err != nil {
			return err
		}
		err = x.write(first(i))
		x.drain()
		return err
	})
}

// pause waits for a time, or for ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const trickleInterval = 20 * time.Millisecond

// trickle has connections send a byte at a time, all of them slowly, until the server has ended them.
func (a *assault) trickle(ctx context.Context, n int, what func(i int) ([]byte, error)) error {
	n = a.n(n)
	rest := make([][]byte, n)
	err := a.each(ctx, n, func(i int) (err error) {
		if _, err = a.dial(ctx); err == nil {
			rest[i], err = what(i)
		}
		return err
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.patience)
	defer cancel()
	all := a.drainAll()
	for open := len(all); open > 0; {
		if err := pause(ctx, trickleInterval); err != nil {
			return fmt.Errorf("%d of these connections are still open after %v", open, a.patience)
		}
		open = 0
		for i, x := range all {
			select {
			case <-x.done:
				continue
			default:
			}
			open++
			if i < n && len(rest[i]) > 1 { // never the last byte
				_ = x.write(rest[i][:1])
				rest[i] = rest[i][1:]
			}
		}
	}
	return nil
}
