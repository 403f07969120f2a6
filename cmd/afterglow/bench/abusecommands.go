package bench

import (
	"context"
	"fmt"
	"net"
	"strings"

	"afterglow/amf"
	"afterglow/rtmp"
)

// commandAttacks are made of commands that are each in order, and of those that come out of turn.
var commandAttacks = []Attack{
	{
		Name: "media-before-connect", About: "audio, video and data right after the handshake",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(30), func(i int) error {
				x, err := a.shake(ctx)
				if err != nil {
					return err
				}
				t := []rtmp.MessageType{rtmp.TypeAudio, rtmp.TypeVideo, rtmp.TypeDataAMF0}[i%3]
				return x.send(rtmp.Message{Type: t, StreamID: 1, Payload: randomBytes(seeded(i), 100)})
			})
		},
	},
	{
		Name: "publish-before-connect", About: "createStream, publish, play and others right after the handshake",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			names := []string{"createStream", "publish", "play", "FCPublish", "releaseStream", "abuse"}
			return a.each(ctx, a.n(30), func(i int) error {
				x, err := a.shake(ctx)
				if err != nil {
					return err
				}
				return x.command(1, names[i%len(names)], 2.0, nil, "early", "live")
			})
		},
	},
	{
		Name: "connect-again", About: "10,000 further connect commands on one connection",
		run: func(ctx context.Context, a *assault) error {
			x, err := a.connect(ctx)
			if err != nil {
				return err
			}
			x.drain()
			return x.repeat(a.n(10_000), commandMessage(0, "connect", 2.0, connectProperties(a.target)))
		},
	},
	{
		Name: "unknown-applications", About: "500 connections to applications that do not exist, with names up to 60 KB",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(500), func(i int) error {
				x, err := a.shake(ctx)
				if err != nil {
					return err
				}
				o := connectProperties(a.target)
				o.Set("app", []string{"", "../../etc", "no/such", "\x00\n\x1b[2J", strings.Repeat("x", 60_000)}[i%5])
				return x.command(0, "connect", 1.0, o)
			})
		},
	},
	{
		Name: "create-streams", About: "100,000 createStream commands on one connection",
		run: func(ctx context.Context, a *assault) error {
			x, err := a.connect(ctx)
			if err != nil {
				return err
			}
			x.drain()
			return x.repeat(a.n(100_000), commandMessage(0, "createStream", 2.0, nil))
		},
	},
	{
		Name: "create-and-delete", About: "50,000 streams that are made and deleted on one connection",
		run: func(ctx context.Context, a *assault) error {
			x, err := a.stream(ctx)
			if err != nil {
				return err
			}
			x.drain()
			return x.repeat(a.n(50_000), commandMessage(0, "deleteStream", 0.0, nil, float64(x.streamID)), commandMessage(0, "createStream", 2.0, nil))
		},
	},
	{
		Name: "unknown-methods", About: "20,000 calls of methods that do not exist, answered and not, with answers read and not",
		run: func(ctx context.Context, a *assault) error {
			call := []rtmp.Message{commandMessage(0, "noSuchMethod", 7.0, nil, "x"), commandMessage(0, "\x00\nlevel=ERROR", 0.0, nil)}
			x, err := a.connect(ctx)
			if err != nil {
				return err
			}
			x.drain()
			if err := x.repeat(a.n(10_000), call...); err != nil && !ended(err) {
				return err
			}
			y, err := a.connect(ctx)
			if err != nil {
				return err
			}
			return y.flood(encode(attackerChunk, call...), a.n(10_000))
		},
	},
	{
		Name: "huge-calls", About: "calls whose method names have 900 KB, which an answer repeats, without reading",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(4), func(int) error {
				x, err := a.connect(ctx)
				if err != nil {
					return err
				}
				return x.flood(encode(attackerChunk, commandMessage(0, strings.Repeat("m", 900_000), 7.0, nil)), 50)
			})
		},
	},
	{
		Name: "bandwidth-checks", About: "bandwidth checks, which a server answers with megabytes, without reading",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(4), func(int) error {
				x, err := a.connect(ctx)
				if err != nil {
					return err
				}
				messages := []rtmp.Message{commandMessage(0, "checkBandwidth", 0.0, nil), commandMessage(0, "_checkbw", 0.0, nil)}
				for i := range 100 {
					messages = append(messages, commandMessage(0, "_result", float64(i+1), nil, nil))
				}
				return x.flood(encode(attackerChunk, messages...), 200)
			})
		},
	},
	{
		Name: "huge-names", About: "streams with names from nothing to 900 KB, published and played",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(10), func(int) error {
				x, err := a.stream(ctx)
				if err != nil {
					return err
				}
				x.drain()
				for _, name := range []string{"", "/", "?", "a/", "\x00", "a\nb", "../x", strings.Repeat("n", 1024), strings.Repeat("n", 60_000), strings.Repeat("n", 900_000)} {
					for _, command := range []string{"publish", "closeStream", "play", "closeStream", "FCPublish", "FCSubscribe"} {
						if err := x.command(x.streamID, command, 3.0, nil, name, "live"); err != nil {
							return err
						}
					}
				}
				return nil
			})
		},
	},
	{
		Name: "instances", About: "500 connections that each make an instance and wait for 20 streams that nobody publishes",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(500), func(i int) error {
				x, err := a.connect(ctx, amf.Property{Name: "app", Value: fmt.Sprintf("%s/abuse%d", a.target.app, i)})
				if err != nil {
					return err
				}
				x.drain()
				for id := range 20 {
					err := x.send(commandMessage(0, "createStream", 2.0, nil),
						commandMessage(uint32(id+1), "play", 0.0, nil, fmt.Sprintf("wait%d", id)))
					if err != nil {
						return err
					}
				}
				return nil
			})
		},
	},
	{
		Name: "publish-and-close", About: "10,000 streams published and closed again on one connection",
		run: func(ctx context.Context, a *assault) error {
			x, err := a.stream(ctx)
			if err != nil {
				return err
			}
			x.drain()
			return x.repeat(a.n(10_000), commandMessage(x.streamID, "publish", 0.0, nil, "again", "live"), commandMessage(x.streamID, "closeStream", 0.0, nil))
		},
	},
	{
		Name: "refused-publishing", About: "10,000 publish commands on one connection of kinds and names that are refused",
		run: func(ctx context.Context, a *assault) error {
			x, err := a.stream(ctx)
			if err != nil {
				return err
			}
			x.drain()
			return x.repeat(a.n(5_000), commandMessage(x.streamID, "publish", 0.0, nil, "refused", "record"), commandMessage(x.streamID, "publish", 0.0, nil, "/", "live"))
		},
	},
	{
		Name: "shared-broadcasts", About: "100,000 data messages on the connection itself",
		run: func(ctx context.Context, a *assault) error {
			x, err := a.connect(ctx)
			if err != nil {
				return err
			}
			b, _ := amf.Append0(nil, "onAbuse", "x")
			return x.flood(encode(attackerChunk, rtmp.Message{Type: rtmp.TypeDataAMF0, Payload: b}), a.n(100_000))
		},
	},
	{
		Name: "one-byte-writes", About: "a whole session in writes of one byte, which must work",
		run: oneByteWrites,
	},
}

// repeat sends the same messages again and again, while what comes back is read.
func (x *attacker) repeat(times int, messages ...rtmp.Message) error {
	b := encode(attackerChunk, messages...)
	batch := max(1, attackerChunk/len(b))
	for ; times > 0; times -= batch {
		var many []byte
		for range min(batch, times) {
			many = append(many, b...)
		}
		if err := x.write(many); err != nil {
			return err
		}
	}
	return nil
}

// oneByteWrites is no misuse: a client may write as it likes.
func oneByteWrites(ctx context.Context, a *assault) error {
	slowly := func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, address)
		return byteWriter{nc}, err
	}
	in, err := newInnocents(ctx, a.target, "bytewise", 1, slowly)
	if err != nil {
		return fmt.Errorf("publishing in single bytes: %w", err)
	}
	in.stop()
	return nil
}

// byteWriter writes single bytes.
type byteWriter struct{ net.Conn }

// Write writes b, one byte at a time.
func (w byteWriter) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := w.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}
