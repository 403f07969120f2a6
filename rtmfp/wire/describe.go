package wire

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// shownBytes is how much Describe shows of a value.
const shownBytes = 24

// Describe makes a plain packet readable: a line for its header, and an indented one for each chunk and for the padding.
// It takes anything and says where something is wrong. The text is for people; it may change.
func Describe(packet []byte) string {
	header, chunks, err := ParseHeader(packet)
	if err != nil {
		return fmt.Sprintf("invalid packet, %s: %s\n", size(len(packet)), reason(err))
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s\n", header, size(len(packet)))
	var previous UserData // of the last user data chunk, zero if there is none
	for {
		chunk, rest, ok := NextChunk(chunks)
		if !ok {
			break
		}
		fmt.Fprintf(&text, "  %s %s\n", chunk.Type, describeChunk(chunk, &previous))
		chunks = rest
	}
	if len(chunks) > 0 {
		fmt.Fprintf(&text, "  padding %s\n", size(len(chunks)))
	}
	return text.String()
}

// String gives the fields that are present, such as "initiator critical timestamp=47087 echo=47087".
func (h Header) String() string {
	text := h.Mode.String()
	if h.TimeCritical {
		text += " critical"
	}
	if h.TimeCriticalReverse {
		text += " critical-reverse"
	}
	if h.HasTimestamp {
		text += fmt.Sprintf(" timestamp=%d", h.Timestamp)
	}
	if h.HasTimestampEcho {
		text += fmt.Sprintf(" echo=%d", h.TimestampEcho)
	}
	return text
}

func describeChunk(c Chunk, previous *UserData) string {
	var what fmt.Stringer
	var err error
	switch c.Type {
	case ChunkFragment:
		what, err = ParseFragment(c.Payload)
	case ChunkIHello:
		what, err = ParseIHello(c.Payload)
	case ChunkFIHello:
		what, err = ParseFIHello(c.Payload)
	case ChunkRHello:
		what, err = ParseRHello(c.Payload)
	case ChunkRedirect:
		what, err = ParseRedirect(c.Payload)
	case ChunkCookieChange:
		what, err = ParseCookieChange(c.Payload)
	case ChunkIIKeying:
		what, err = ParseIIKeying(c.Payload)
	case ChunkRIKeying:
		what, err = ParseRIKeying(c.Payload)
	case ChunkUserData, ChunkNextUserData:
		*previous, err = describedUserData(c, *previous)
		what = *previous
	case ChunkBitmapAck:
		what, err = ParseBitmapAck(c.Payload, nil)
	case ChunkRangeAck:
		what, err = ParseRangeAck(c.Payload, nil)
	case ChunkBufferProbe:
		what, err = ParseBufferProbe(c.Payload)
	case ChunkFlowException:
		what, err = ParseFlowException(c.Payload)
	default:
		return show(c.Payload)
	}
	if err != nil {
		return reason(err) + " " + show(c.Payload)
	}
	return what.String()
}

// describedUserData parses both forms of user data; the second is at fault if nothing precedes it.
func describedUserData(c Chunk, previous UserData) (UserData, error) {
	if c.Type == ChunkUserData {
		return ParseUserData(c.Payload)
	}
	if previous.Sequence == 0 {
		return UserData{}, ErrSequence
	}
	return ParseNextUserData(c.Payload, previous)
}

// String describes the chunk on one line.
func (f Fragment) String() string {
	more := "last"
	if f.More {
		more = "more"
	}
	return fmt.Sprintf("packet=%d number=%d %s data=%s", f.PacketID, f.Number, more, show(f.Data))
}

// String describes the chunk on one line.
func (h IHello) String() string {
	return fmt.Sprintf("discriminator=%s tag=%s", show(h.Discriminator), show(h.Tag))
}

// String describes the chunk on one line.
func (h FIHello) String() string {
	return fmt.Sprintf("discriminator=%s reply=(%s) tag=%s", show(h.Discriminator), h.ReplyAddress, show(h.Tag))
}

// String describes the chunk on one line.
func (h RHello) String() string {
	return fmt.Sprintf("tag=%s cookie=%s certificate=%s", show(h.TagEcho), show(h.Cookie), show(h.Certificate))
}

// String describes the chunk on one line.
func (r Redirect) String() string {
	if len(r.Destinations) == 0 {
		return fmt.Sprintf("tag=%s to the sender", show(r.TagEcho))
	}
	text := fmt.Sprintf("tag=%s to", show(r.TagEcho))
	for _, destination := range r.Destinations {
		text += fmt.Sprintf(" (%s)", destination)
	}
	return text
}

// String describes the chunk on one line.
func (c CookieChange) String() string {
	return fmt.Sprintf("old=%s new=%s", show(c.Old), show(c.New))
}

// String describes the chunk on one line.
func (k IIKeying) String() string {
	return fmt.Sprintf("session=%08x cookie=%s certificate=%s component=%s signature=%s",
		k.SessionID, show(k.Cookie), show(k.Certificate), show(k.Component), show(k.Signature))
}

// String describes the chunk on one line.
func (k RIKeying) String() string {
	return fmt.Sprintf("session=%08x component=%s signature=%s", k.SessionID, show(k.Component), show(k.Signature))
}

// String describes the chunk on one line, with what the second form takes from the chunk before it.
func (u UserData) String() string {
	text := fmt.Sprintf("flow=%d sequence=%d forward=%d %s", u.FlowID, u.Sequence, u.FSN, u.Fragment)
	if u.Abandon {
		text += " abandoned"
	}
	if u.Final {
		text += " final"
	}
	if u.HasOptions {
		text += " options=(" + describeOptions(u.Options) + ")"
	}
	return text + " data=" + show(u.Data)
}

func describeOptions(list []byte) string {
	var texts []string
	for len(list) > 0 {
		option, n, err := ParseOption(list)
		if err != nil {
			texts = append(texts, reason(err))
			break
		}
		texts = append(texts, describeOption(option))
		list = list[n:]
	}
	return strings.Join(texts, " ")
}

func describeOption(o Option) string {
	switch o.Type {
	case OptionMetadata:
		return "metadata=" + show(o.Value)
	case OptionReturnAssociation:
		if flowID, _, err := ParseVLU(o.Value); err == nil {
			return fmt.Sprintf("returns=%d", flowID)
		}
	}
	return fmt.Sprintf("%#02x=%s", o.Type, show(o.Value))
}

// String describes the chunk on one line.
func (a Ack) String() string {
	text := fmt.Sprintf("flow=%d buffer=%d KiB up to %d", a.FlowID, a.BufferBlocks, a.Cumulative)
	for _, r := range a.Ranges {
		text += fmt.Sprintf(", %d", r.From)
		if r.To != r.From {
			text += fmt.Sprintf("-%d", r.To)
		}
	}
	return text
}

// String describes the chunk on one line.
func (p BufferProbe) String() string { return fmt.Sprintf("flow=%d", p.FlowID) }

// String describes the chunk on one line.
func (e FlowException) String() string { return fmt.Sprintf("flow=%d code=%d", e.FlowID, e.Code) }

// show gives the beginning of some bytes, and how many there are if that is not all.
func show(value []byte) string {
	switch {
	case len(value) == 0:
		return "-"
	case len(value) <= shownBytes:
		return hex.EncodeToString(value)
	}
	return fmt.Sprintf("%s… (%s)", hex.EncodeToString(value[:shownBytes]), size(len(value)))
}

func size(bytes int) string {
	if bytes == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", bytes)
}

// reason is the error's text without the name of the package, in brackets to stand out.
func reason(err error) string {
	return "[" + strings.TrimPrefix(err.Error(), "wire: ") + "]"
}
