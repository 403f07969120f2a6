package overrtmfp_test

import (
	"bytes"
	"io"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/wire"
)

// forger changes packets before they are sealed. It belongs to the shard.
type forger struct {
	// ack, if not nil, may change an acknowledgement, or answers false to leave it out.
	ack func(*wire.Ack) bool
	// deaf leaves out that flows are rejected, too.
	deaf bool
}

// edit changes a plain packet in place.
func (g *forger) edit(plain []byte) []byte {
	if g.ack == nil {
		return plain
	}
	_, chunks, err := wire.ParseHeader(plain)
	if err != nil {
		return plain
	}
	out := bytes.Clone(plain[:len(plain)-len(chunks)])
	for {
		c, rest, ok := wire.NextChunk(chunks)
		if !ok {
			break
		}
		whole := chunks[:len(chunks)-len(rest)]
		chunks = rest
		if c.Type == wire.ChunkFlowException && g.deaf {
			continue
		}
		if c.Type != wire.ChunkRangeAck && c.Type != wire.ChunkBitmapAck {
			out = append(out, whole...)
			continue
		}
		parse := wire.ParseRangeAck
		if c.Type == wire.ChunkBitmapAck {
			parse = wire.ParseBitmapAck
		}
		if a, err := parse(c.Payload, nil); err == nil && g.ack(&a) {
			out = a.AppendRange(out, len(plain))
		}
	}
	return plain[:copy(plain, out)]
}

// forgingIdentity is an identity whose sessions have their packets changed.
type forgingIdentity struct {
	*flash.Identity
	forge *forger
}

func (i *forgingIdentity) Initiate(random io.Reader, far rtmfp.Certificate) (rtmfp.Initiation, error) {
	initiation, err := i.Identity.Initiate(random, far)
	return forgingInitiation{initiation, i.forge}, err
}

type forgingInitiation struct {
	rtmfp.Initiation
	forge *forger
}

func (i forgingInitiation) Complete(component []byte) (rtmfp.Keying, error) {
	k, err := i.Initiation.Complete(component)
	if err == nil {
		k.Cipher = forgingCipher{k.Cipher, i.forge}
	}
	return k, err
}

type forgingCipher struct {
	rtmfp.Cipher
	forge *forger
}

func (c forgingCipher) Seal(buffer []byte) []byte {
	front := c.Front()
	return c.Cipher.Seal(buffer[:front+len(c.forge.edit(buffer[front:]))])
}
