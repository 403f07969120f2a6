package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"afterglow/rtmp"
)

const (
	largestMessage = rtmp.MaxMessageSize
	floodBytes     = 64 << 20 // the most that a flood sends on one connection
	floodPatience  = 3 * time.Second
)

var zeros = make([]byte, 1<<20)

// basicHeader is the first one to three bytes of a chunk (RTMP 1.0 section 5.3.1.1).
func basicHeader(format byte, id int) []byte {
	switch {
	case id < 64:
		return []byte{format<<6 | byte(id)}
	case id < 320:
		return []byte{format << 6, byte(id - 64)}
	}
	return binary.LittleEndian.AppendUint16([]byte{format<<6 | 1}, uint16(id-64))
}

// fullHeader is a chunk header of type 0 with the timestamp 0.
func fullHeader(id, length int, t rtmp.MessageType, streamID uint32) []byte {
	b := append(basicHeader(0, id), 0, 0, 0, byte(length>>16), byte(length>>8), byte(length), byte(t))
	return binary.LittleEndian.AppendUint32(b, streamID)
}

// begin sends so much of a message of zeros, in chunks of attackerChunk, and no more of it.
func (x *attacker) begin(id, length, sent int, t rtmp.MessageType) error {
	if err := x.write(fullHeader(id, length, t, x.streamID)); err != nil {
		return err
	}
	for at := 0; at < sent; at += attackerChunk {
		if at > 0 {
			if err := x.write(basicHeader(3, id)); err != nil {
				return err
			}
		}
		if err := x.write(zeros[:min(attackerChunk, sent-at)]); err != nil {
			return err
		}
	}
	return nil
}

// flood sends the same bytes again and again without reading anything, until the server takes no more, or enough.
func (x *attacker) flood(b []byte, times int) error {
	n := max(1, min(times, floodBytes/len(b)))
	batch := max(1, attackerChunk/len(b))
	var many []byte
	for range min(batch, n) {
		many = append(many, b...)
	}
	for ; n > 0; n -= batch {
		if err := x.writeUnread(many[:min(batch, n)*len(b)], floodPatience); err != nil {
			return err
		}
	}
	return nil
}

// chunkAttacks go against the chunk stream.
var chunkAttacks = []Attack{
	{
		Name: "claimed-messages", About: "20 connections that announce messages of 16 MB on 60 chunk streams each and send 1 byte of each",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(20), func(int) error {
				x, err := a.connect(ctx)
				if err != nil {
					return err
				}
				return x.claim(60)
			})
		},
	},
	{
		Name: "claimed-by-publishers", About: "the same by 20 publishers, who may send messages of 16 MB",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(20), func(i int) error {
				x, err := a.publish(ctx, fmt.Sprintf("claimed%d", i))
				if err != nil {
					return err
				}
				return x.claim(60)
			})
		},
	},
	{
		Name: "unfinished-messages", About: "8 connections that send 15 MB of a message of 16 MB",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(8), func(int) error {
				x, err := a.connect(ctx)
				if err != nil {
					return err
				}
				return x.begin(7, largestMessage, 15<<20, rtmp.TypeVideo)
			})
		},
	},
	{
		Name: "unfinished-by-publishers", About: "the same by 8 publishers",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(8), func(i int) error {
				x, err := a.publish(ctx, fmt.Sprintf("unfinished%d", i))
				if err != nil {
					return err
				}
				return x.begin(7, largestMessage, 15<<20, rtmp.TypeVideo)
			})
		},
	},
	{
		Name: "chunk-streams", About: "10 connections that use 60,000 chunk streams each",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(10), func(int) error {
				x, err := a.connect(ctx)
				if err != nil {
					return err
				}
				var b []byte
				for id := 3; id < 60003; id++ {
					b = append(b, fullHeader(id, 0, rtmp.TypeAudio, 0)...)
				}
				return x.write(b)
			})
		},
	},
	{
		Name: "chunk-size-zero", About: "Set Chunk Size to 0, and a message",
		Refused: true,
		run:     func(ctx context.Context, a *assault) error { return a.chunkSize(ctx, 0, 500) },
	},
	{
		Name: "chunk-size-huge", About: "Set Chunk Size to 2^31, whose first bit must be 0, and a message",
		Refused: true,
		run:     func(ctx context.Context, a *assault) error { return a.chunkSize(ctx, 1<<31, 500) },
	},
	{
		Name: "chunk-size-largest", About: "Set Chunk Size to 2^31-1, and messages of 16 MB announced behind it",
		Refused: true,
		run:     func(ctx context.Context, a *assault) error { return a.chunkSize(ctx, 1<<31-1, largestMessage) },
	},
	{
		Name: "chunk-size-one", About: "4 publishers that send 200 KB in chunks of one byte",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(4), func(i int) error {
				x, err := a.publish(ctx, fmt.Sprintf("small%d", i))
				if err != nil {
					return err
				}
				if err := x.send(rtmp.SetChunkSize(1)); err != nil {
					return err
				}
				video := rtmp.Message{Type: rtmp.TypeVideo, StreamID: x.streamID, Payload: zeros[:200<<10]}
				return x.write(encode(1, video))
			})
		},
	},
	{
		Name: "message-inside-message", About: "a message that begins on a chunk stream where another is not complete",
		Refused: true,
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(20), func(int) error {
				x, err := a.connect(ctx)
				if err != nil {
					return err
				}
				if err := x.send(rtmp.SetChunkSize(100)); err != nil {
					return err
				}
				if err := x.begin(7, 200<<10, 100, rtmp.TypeVideo); err != nil {
					return err
				}
				return x.write(fullHeader(7, 100, rtmp.TypeAudio, 0))
			})
		},
	},
	{
		Name: "aborts", About: "100,000 Abort messages, half of them of messages that were begun",
		run: func(ctx context.Context, a *assault) error {
			x, err := a.connect(ctx)
			if err != nil {
				return err
			}
			begun := append(fullHeader(7, 1000, rtmp.TypeVideo, 0), zeros[:1000]...)[:500]
			// The chunk goes on until the chunk size, so that nothing but a new one can follow: it must be a small one.
			b := encode(attackerChunk, rtmp.SetChunkSize(len(begun)-12))
			if err := x.write(b); err != nil {
				return err
			}
			both := append(begun, encode(attackerChunk, rtmp.Abort(7), rtmp.Abort(60000))...)
			return x.flood(both, a.n(50_000))
		},
	},
	{
		Name: "pings", About: "ping requests without end from 4 connections that never read the responses",
		run: func(ctx context.Context, a *assault) error {
			return a.floods(ctx, 4, rtmp.UserControl{Event: rtmp.EventPingRequest, Value: 1}.Message())
		},
	},
	{
		Name: "bandwidths", About: "Set Peer Bandwidth to ever other values, whose answers are never read, and windows of 1 byte",
		run: func(ctx context.Context, a *assault) error {
			return a.floods(ctx, 4, rtmp.PeerBandwidth(1, rtmp.LimitHard), rtmp.PeerBandwidth(2, rtmp.LimitHard), rtmp.WindowSize(1))
		},
	},
	{
		Name: "unknown-types", About: "100,000 messages of types that nobody knows, and of shared objects without sense",
		run: func(ctx context.Context, a *assault) error {
			x, err := a.connect(ctx)
			if err != nil {
				return err
			}
			var b []byte
			for t := range 256 {
				switch m := (rtmp.Message{Type: rtmp.MessageType(t), Payload: zeros[:t%32]}); {
				case t == 0, t == 7, t == 10, t > 22, t == int(rtmp.TypeSharedObjectAMF0), t == int(rtmp.TypeSharedObjectAMF3):
					b = append(b, encode(attackerChunk, m)...)
				}
			}
			return x.flood(b, a.n(100_000)/239+1)
		},
	},
	{
		Name: "short-controls", About: "protocol control and user control messages with too few bytes",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(64), func(i int) error {
				x, err := a.connect(ctx)
				if err != nil {
					return err
				}
				t := []rtmp.MessageType{rtmp.TypeSetChunkSize, rtmp.TypeAbort, rtmp.TypeUserControl, rtmp.TypeWindowSize, rtmp.TypePeerBandwidth}[i%5]
				return x.send(rtmp.Message{Type: t, Payload: zeros[:i/5%4]}, rtmp.UserControl{Event: rtmp.EventPingRequest}.Message())
			})
		},
	},
	{
		Name: "stalled-message", About: "100 connections that send a command byte by byte and never the last one",
		run: func(ctx context.Context, a *assault) error {
			err := a.each(ctx, a.n(100), func(int) error {
				_, err := a.connect(ctx)
				return err
			})
			if err != nil {
				return err
			}
			b := encode(attackerChunk, commandMessage(0, "createStream", 9.0, nil))
			for i := range len(b) - 1 {
				for _, x := range a.attackers {
					if err := x.write(b[i : i+1]); err != nil && !ended(err) {
						return err
					}
				}
				if err := pause(ctx, trickleInterval); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		Name: "aggregates", About: "aggregate messages that are nested, lie about lengths or hold a million empty messages",
		run: func(ctx context.Context, a *assault) error {
			for i, payload := range aggregateBombs(a.n(1_000_000)) {
				x, err := a.publish(ctx, fmt.Sprintf("aggregate%d", i))
				if err == nil {
					err = x.send(rtmp.Message{Type: rtmp.TypeAggregate, StreamID: x.streamID, Payload: payload})
				}
				if err != nil && !ended(err) {
					return err
				}
			}
			return nil
		},
	},
}

// claim announces the largest messages on many chunk streams.
func (x *attacker) claim(streams int) error {
	// With chunks of one byte each announcement is paid with one.
	b := encode(attackerChunk, rtmp.SetChunkSize(1))
	for id := 3; id < 3+streams; id++ {
		b = append(append(b, fullHeader(id, largestMessage, rtmp.TypeVideo, x.streamID)...), 0)
	}
	return x.write(b)
}

// chunkSize sends the first bytes of a message of some length in chunks of some size.
func (a *assault) chunkSize(ctx context.Context, size uint32, length int) error {
	return a.each(ctx, a.n(20), func(int) error {
		x, err := a.connect(ctx)
		if err != nil {
			return err
		}
		set := rtmp.SetChunkSize(1)
		binary.BigEndian.PutUint32(set.Payload, size)
		b := append(encode(attackerChunk, set), fullHeader(7, length, rtmp.TypeVideo, 0)...)
		return x.write(append(b, zeros[:min(length, 1000)]...))
	})
}

// floods has connections send the same messages without end and without reading.
func (a *assault) floods(ctx context.Context, n int, messages ...rtmp.Message) error {
	return a.each(ctx, a.n(n), func(int) error {
		x, err := a.connect(ctx)
		if err != nil {
			return err
		}
		err = x.flood(encode(attackerChunk, messages...), floodBytes)
		if errors.Is(err, errStuck) {
			return nil // a server may just as well stop to read
		}
		return err
	})
}

// aggregateBombs are payloads of aggregate messages, one of which holds so many messages of no bytes.
func aggregateBombs(messages int) [][]byte {
	nested := []byte{byte(rtmp.TypeAudio), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11}
	for len(nested) < 512<<10 {
		nested = rtmp.JoinAggregate([]rtmp.Message{
			{Type: rtmp.TypeAggregate, Payload: nested}, {Type: rtmp.TypeAggregate, Payload: nested},
		}).Payload
	}
	var empty []byte
	for range messages {
		empty = append(empty, byte(rtmp.TypeAudio), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11)
	}
	controls := rtmp.JoinAggregate([]rtmp.Message{rtmp.SetChunkSize(1), rtmp.Abort(7), rtmp.WindowSize(1)}).Payload
	lie := []byte{byte(rtmp.TypeVideo), 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3}
	backPointer := append(append([]byte(nil), nested[:11]...), 0xff, 0xff, 0xff, 0xff)
	return [][]byte{nil, {9}, nested, empty, controls, lie, backPointer}
}
