package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"afterglow/amf"
	"afterglow/rtmp"
)

// mediaAttacks are those of publishers and players.
var mediaAttacks = []Attack{
	{
		Name: "nonsense-media", About: "random bytes of each length from 0 to 200 published as audio, video, data and metadata, with a player beside it",
		run: nonsenseMedia,
	},
	{
		Name: "empty-media", About: "a million audio and video messages of no bytes, one byte each on the wire",
		run: func(ctx context.Context, a *assault) error {
			if _, err := a.play(ctx, "empty"); err != nil && !ended(err) {
				return err
			}
			x, err := a.publish(ctx, "empty")
			if err != nil {
				return err
			}
			x.drain()
			if err := x.write(append(fullHeader(6, 0, rtmp.TypeVideo, x.streamID), fullHeader(4, 0, rtmp.TypeAudio, x.streamID)...)); err != nil {
				return err
			}
			return x.flood([]byte{0xc6, 0xc4}, a.n(500_000))
		},
	},
	{
		Name: "wild-timestamps", About: "20,000 keyframes and configurations whose timestamps jump all over 2^32",
		run: func(ctx context.Context, a *assault) error {
			if _, err := a.play(ctx, "wild"); err != nil && !ended(err) {
				return err
			}
			x, err := a.publish(ctx, "wild")
			if err != nil {
				return err
			}
			x.drain()
			r := seeded(1)
			for range a.n(200) {
				var messages []rtmp.Message
				for i := range 100 {
					kind := []string{"\x17\x01\x00\x00\x00wild", "\x17\x00\x00\x00\x00wild", "\x90hvc1wild", "\xf7wild"}[i%4]
					messages = append(messages, rtmp.Message{Type: rtmp.TypeVideo, StreamID: x.streamID, Timestamp: r.Uint32(), Payload: []byte(kind)})
				}
				if err := x.send(messages...); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		Name: "metadata", About: "5 publishers that set metadata of 200 KB under 200 names each, and players that join",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(5), func(i int) error {
				name := fmt.Sprintf("metadata%d", i)
				x, err := a.publish(ctx, name)
				if err != nil {
					return err
				}
				x.drain()
				for h := range a.n(200) {
					b, _ := amf.Append0(nil, "@setDataFrame", fmt.Sprintf("handler%d", h), strings.Repeat("v", 200_000))
					if err := x.send(rtmp.Message{Type: rtmp.TypeDataAMF0, StreamID: x.streamID, Payload: b}); err != nil {
						return err
					}
				}
				_, err = a.play(ctx, name)
				return err
			})
		},
	},
	{
		Name: "one-long-group", About: "a publisher that sends 100 MB after its only keyframe, and a player",
		run: func(ctx context.Context, a *assault) error {
			if _, err := a.play(ctx, "endless"); err != nil && !ended(err) {
				return err
			}
			x, err := a.publish(ctx, "endless")
			if err != nil {
				return err
			}
			x.drain()
			picture := append([]byte{0x17, 1, 0, 0, 0}, zeros[:100_000]...)
			for i := range a.n(1000) {
				m := rtmp.Message{Type: rtmp.TypeVideo, StreamID: x.streamID, Timestamp: uint32(i), Payload: picture}
				if err := x.send(m); err != nil {
					return err
				}
				picture[0] = 0x27
			}
			return nil
		},
	},
	{
		Name: "never-reading-players", About: "50 players of a stream of 40 Mbit/s that never read, for 25 s",
		run: func(ctx context.Context, a *assault) error { return neverReading(ctx, a, "unread", a.n(50), 1) },
	},
	{
		Name: "never-reading-twice", About: "4 connections that play that stream 16 times each and never read",
		run: func(ctx context.Context, a *assault) error { return neverReading(ctx, a, "unread", a.n(4), 16) },
	},
	{
		Name: "many-plays", About: "32 plays of the innocent stream on each of 4 connections that read",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(4), func(int) error {
				x, err := a.playTimes(ctx, innocentStream, 32)
				if err != nil {
					return err
				}
				x.drain()
				return pause(ctx, time.Second)
			})
		},
	},
	{
		Name: "play-and-close", About: "20,000 plays of the innocent stream that are closed at once, on 4 connections",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, 4, func(int) error {
				x, err := a.stream(ctx)
				if err != nil {
					return err
				}
				x.drain()
				return x.repeat(a.n(5_000), commandMessage(x.streamID, "play", 0.0, nil, innocentStream), commandMessage(x.streamID, "closeStream", 0.0, nil))
			})
		},
	},
	{
		Name: "pause-and-resume", About: "20,000 pauses and switches of the innocent stream by a player that reads and one that does not",
		run: func(ctx context.Context, a *assault) error {
			messages := func(id uint32) []rtmp.Message {
				var m []rtmp.Message
				for _, on := range []bool{true, false} {
					m = append(m, commandMessage(id, "pause", 0.0, nil, on, 0.0), commandMessage(id, "receiveVideo", 0.0, nil, on), commandMessage(id, "receiveAudio", 0.0, nil, on))
				}
				return m
			}
			x, err := a.play(ctx, innocentStream)
			if err != nil {
				return err
			}
			x.drain()
			if err := x.repeat(a.n(5_000), messages(x.streamID)...); err != nil && !ended(err) {
				return err
			}
			y, err := a.play(ctx, innocentStream)
			if err != nil {
				return err
			}
			return y.flood(encode(attackerChunk, messages(y.streamID)...), a.n(5_000))
		},
	},
	{
		Name: "name-contest", About: "50 connections that publish under the innocent stream's name, again and again",
		run: func(ctx context.Context, a *assault) error {
			return a.each(ctx, a.n(50), func(int) error {
				for range 10 {
					_, err := a.publish(ctx, innocentStream)
					if err == nil {
						return errors.New("the name of the innocent stream was given to another")
					}
					if !ended(err) {
						return err
					}
				}
				return nil
			})
		},
	},
	{
		Name: "publisher-reset", About: "a publisher that is reset and comes back under its name, 10 times; its players go on",
		run: publisherReset,
	},
}

func nonsenseMedia(ctx context.Context, a *assault) error {
	if _, err := a.play(ctx, "nonsense"); err != nil && !ended(err) {
		return err
	}
	// Nonsense as audio and video may well be carried on, so that one connection does for all of it.
	err := a.each(ctx, 2, func(k int) error {
		x, err := a.publish(ctx, []string{"nonsense", "nonsense-video"}[k])
		if err != nil {
			return err
		}
		x.drain()
		kind := []rtmp.MessageType{rtmp.TypeAudio, rtmp.TypeVideo}[k]
		r := seeded(k)
		for round := range a.n(100) {
			for length := range nonsenseLengths {
				payload := randomBytes(r, length)
				if round%2 == 1 && length > 0 {
					payload[0] |= 0x90 // the headers of Enhanced RTMP
				}
				err := x.send(rtmp.Message{Type: kind, StreamID: x.streamID, Timestamp: r.Uint32(), Payload: payload})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.each(ctx, 3*nonsenseLengths, func(i int) error {
		x, err := a.publish(ctx, fmt.Sprintf("nonsense-data%d", i))
		if err != nil {
			return err
		}
		defer x.hangUp(ctx)
		kind, payload := rtmp.TypeDataAMF0, randomBytes(seeded(i), i/3)
		switch i % 3 {
		case 1:
			kind, payload = rtmp.TypeDataAMF3, append([]byte{0}, payload...)
		case 2:
			set, _ := amf.Append0(nil, "@setDataFrame")
			payload = append(set, payload...)
		}
		return x.send(rtmp.Message{Type: kind, StreamID: x.streamID, Payload: payload})
	})
}

const nonsenseLengths = 201

// playTimes plays a stream several times on one connection.
func (a *assault) playTimes(ctx context.Context, name string, times int) (*attacker, error) {
	x, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	w := x.dialog()
	for range times {
		if err := w.command(0, "createStream", 4.0, nil); err != nil {
			return nil, x.fate(err)
		}
		id, err := w.result(4)
		if err != nil {
			return x, nil // the server's limit on streams
		}
		if err := w.command(id, "play", 0.0, nil, name); err != nil {
			return nil, x.fate(err)
		}
	}
	return x, nil
}

// neverReading has players who never read a stream that fills every buffer on their way. A server drops them or skips
// for them; either way the memory that it keeps for them is judged, and so are the innocents.
func neverReading(ctx context.Context, a *assault, name string, players, times int) error {
	p, err := a.publish(ctx, name)
	if err != nil {
		return err
	}
	p.drain()
	err = a.each(ctx, players, func(int) error {
		_, err := a.playTimes(ctx, name, times)
		return err
	})
	if err != nil {
		return err
	}
	picture := append([]byte{0x17, 1, 0, 0, 0}, zeros[:50_000]...)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := range a.n(2500) {
		picture[0] = 0x27
		if i%50 == 0 {
			picture[0] = 0x17
		}
		m := rtmp.Message{Type: rtmp.TypeVideo, StreamID: p.streamID, Timestamp: uint32(10 * i), Payload: picture}
		if err := p.send(m); err != nil {
			return fmt.Errorf("its publisher: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// publisherReset takes a publisher away from its players and gives them another.
func publisherReset(ctx context.Context, a *assault) error {
	const name = "returning"
	var players []*attacker
	for range 2 {
		x, err := a.play(ctx, name)
		if err != nil {
			return err
		}
		players = append(players, x)
	}
	for round := range uint64(10) {
		p, err := a.publishAgain(ctx, name)
		if err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		for _, f := range (&generator{gop: newGOP(profiles[innocentProfile])}).preamble() {
			_ = p.send(rtmp.Message{Type: rtmp.MessageType(f.kind), StreamID: p.streamID, Payload: f.append(nil, Stamp{})})
		}
		// A player may come in after the first of them, where a server keeps none.
		picture := appendStampedVideo(nil, keyHeader, binary.BigEndian.AppendUint32(nil, 0), Stamp{Sequence: round + 1})
		for at := range uint32(3) {
			_ = p.send(rtmp.Message{Type: rtmp.TypeVideo, StreamID: p.streamID, Timestamp: 33 * at, Payload: picture})
		}
		for _, x := range players {
			if err := x.awaitStamp(round + 1); err != nil {
				return fmt.Errorf("round %d: a player of the publisher that came back: %w", round, err)
			}
		}
		p.abandon()
	}
	return nil
}

// publishAgain publishes under a name that a server may not have free yet.
func (a *assault) publishAgain(ctx context.Context, name string) (*attacker, error) {
	ctx, cancel := context.WithTimeout(ctx, attackerTimeout)
	defer cancel()
	for {
		x, err := a.publish(ctx, name)
		if err == nil {
			return x, nil
		}
		if pause(ctx, 50*time.Millisecond) != nil {
			return nil, fmt.Errorf("the publisher could not come back: %v", err)
		}
	}
}

// awaitStamp reads until a frame with that number comes.
func (x *attacker) awaitStamp(sequence uint64) error {
	_ = x.nc.SetReadDeadline(time.Now().Add(attackerTimeout))
	for {
		m, err := x.conn.ReadMessage()
		if err != nil {
			return err
		}
		if s, ok := findStamp(byte(m.Type), m.Payload); ok && s.Sequence == sequence {
			return nil
		}
	}
}
