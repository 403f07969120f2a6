package trace

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/wire"
)

// describeChunk puts a chunk that is not user data into words, and gives the flow that it is about.
func describeChunk(c wire.Chunk) (flow *uint64, text string) {
	switch c.Type {
	case wire.ChunkBitmapAck:
		a, err := wire.ParseBitmapAck(c.Payload, nil)
		return &a.FlowID, orError(describeAck(a), err)
	case wire.ChunkRangeAck:
		a, err := wire.ParseRangeAck(c.Payload, nil)
		return &a.FlowID, orError(describeAck(a), err)
	case wire.ChunkBufferProbe:
		p, err := wire.ParseBufferProbe(c.Payload)
		return &p.FlowID, orError(fmt.Sprintf("flow %d: is there room?", p.FlowID), err)
	case wire.ChunkFlowException:
		e, err := wire.ParseFlowException(c.Payload)
		return &e.FlowID, orError(fmt.Sprintf("flow %d is rejected, code %d", e.FlowID, e.Code), err)
	}
	return nil, describeOther(c)
}

func orError(text string, err error) string {
	if err != nil {
		return err.Error()
	}
	return text
}

// describeOther puts a chunk into words that is about no flow.
func describeOther(c wire.Chunk) string {
	switch c.Type {
	case wire.ChunkIHello:
		h, err := wire.ParseIHello(c.Payload)
		return orError(fmt.Sprintf("looks for %s, tag %s", describeDiscriminator(h.Discriminator), digits(h.Tag)), err)
	case wire.ChunkFIHello:
		h, err := wire.ParseFIHello(c.Payload)
		return orError(fmt.Sprintf("%s looks for %s, tag %s", h.ReplyAddress, describeDiscriminator(h.Discriminator), digits(h.Tag)), err)
	case wire.ChunkRHello:
		h, err := wire.ParseRHello(c.Payload)
		return orError(fmt.Sprintf("I am %s, tag %s, cookie of %s", describeCertificate(h.Certificate), digits(h.TagEcho),
			byteCount(len(h.Cookie))), err)
	case wire.ChunkRedirect:
		r, err := wire.ParseRedirect(c.Payload)
		return orError(describeRedirect(r), err)
	case wire.ChunkIIKeying:
		k, err := wire.ParseIIKeying(c.Payload)
		return orError(fmt.Sprintf("I am %s, send to session ID %08x", describeCertificate(k.Certificate), k.SessionID), err)
	case wire.ChunkRIKeying:
		k, err := wire.ParseRIKeying(c.Payload)
		return orError(fmt.Sprintf("send to session ID %08x", k.SessionID), err)
	case wire.ChunkCookieChange:
		k, err := wire.ParseCookieChange(c.Payload)
		return orError("another cookie: "+k.String(), err)
	case wire.ChunkPing, wire.ChunkPingReply:
		return describePing(c.Payload)
	}
	if len(c.Payload) == 0 {
		return ""
	}
	return shown(c.Payload)
}

func describePing(message []byte) string {
	if len(message) == 0 {
		return "empty"
	}
	return digits(message)
}

func describeRedirect(r wire.Redirect) string {
	text := "try"
	if len(r.Destinations) == 0 {
		text = "try the sender of this"
	}
	for _, destination := range r.Destinations {
		text += fmt.Sprintf(" %s,", destination)
	}
	return strings.TrimSuffix(text, ",") + ", tag " + digits(r.TagEcho)
}

// describeDiscriminator says for whom an IHello looks.
func describeDiscriminator(encoded []byte) string {
	d, err := flash.ParseDiscriminator(encoded)
	var texts []string
	if d.Fingerprint != nil {
		texts = append(texts, "peer "+d.Fingerprint.String())
	}
	if d.Hostname != nil {
		texts = append(texts, fmt.Sprintf("host %q", d.Hostname))
	}
	if d.Ancillary != nil {
		texts = append(texts, fmt.Sprintf("%q", d.Ancillary))
	}
	if err != nil || len(texts) == 0 {
		return shown(encoded)
	}
	return strings.Join(texts, ", ")
}

func describeCertificate(encoded []byte) string {
	c, err := flash.Profile{}.ParseCertificate(encoded)
	if err != nil {
		return "somebody with the certificate " + shown(encoded)
	}
	return "peer " + c.PeerID().String()
}

// describeAck says what a receiver has, and what is missing between.
func describeAck(a wire.Ack) string {
	text := fmt.Sprintf("flow %d: has all up to #%d", a.FlowID, a.Cumulative)
	const most = 4
	for i, r := range a.Ranges {
		if i == most {
			text += fmt.Sprintf(", and %d more ranges", len(a.Ranges)-most)
			break
		}
		text += ", " + describeRange(r)
	}
	return fmt.Sprintf("%s; room for %d KiB", text, a.BufferBlocks)
}

// describeUserData puts a fragment into words.
func describeUserData(u wire.UserData) string {
	if onlyEnd(u) {
		return fmt.Sprintf("flow %d #%d, end of the flow", u.FlowID, u.Sequence)
	}
	text := fmt.Sprintf("flow %d #%d %s, %s", u.FlowID, u.Sequence, u.Fragment, byteCount(len(u.Data)))
	if u.FSN > 0 && u.FSN != u.Sequence-1 {
		text += fmt.Sprintf(", forward to #%d", u.FSN)
	}
	if u.Final {
		text += ", last of the flow"
	}
	return text
}

func byteCount(n int) string { return counted(n, "byte") }

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// digits gives short values in full and the beginning of long ones.
func digits(b []byte) string {
	const most = 8
	if len(b) > most {
		return hex.EncodeToString(b[:most]) + "…"
	}
	return hex.EncodeToString(b)
}

// shown gives the number of some bytes, and what preview gives.
func shown(b []byte) string { return strings.TrimSuffix(byteCount(len(b))+" "+preview(b), " ") }

// preview gives the beginning of some bytes, and that as text if they look like one.
func preview(b []byte) string {
	const most = 24
	text := hex.EncodeToString(b[:min(len(b), most)])
	if len(b) > most {
		text += "…"
	}
	if legible(b) {
		text += fmt.Sprintf(" %q", b[:min(len(b), 2*most)])
	}
	return text
}

// legible says whether bytes are text that can be printed.
func legible(b []byte) bool {
	return len(b) > 0 && utf8.Valid(b) && strings.IndexFunc(string(b), func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
