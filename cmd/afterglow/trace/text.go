package trace

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// textSink writes aligned lines.
type textSink struct {
	w     *bufio.Writer
	color bool
	names map[netip.AddrPort]string
}

func newTextSink(w *bufio.Writer, color bool) *textSink {
	return &textSink{w: w, color: color, names: make(map[netip.AddrPort]string)}
}

func (s *textSink) flush() error { return s.w.Flush() }

// The colours, as escape sequences of terminals.
const (
	colorOff     = "\x1b[0m"
	colorDim     = "\x1b[2m"
	colorBold    = "\x1b[1m"
	colorRed     = "\x1b[31m"
	colorGreen   = "\x1b[32m"
	colorYellow  = "\x1b[33m"
	colorMagenta = "\x1b[35m"
	colorCyan    = "\x1b[36m"
)

// The widths of columns. What is wider moves the rest of its line.
const (
	widthArrow  = 5
	widthHeader = 25
	widthWhat   = 14
)

func (s *textSink) write(e Event) {
	if e.Kind == KindSummary {
		s.summary(e.Summary)
		return
	}
	arrow := ""
	if e.From.IsValid() {
		arrow = s.name(e, e.From) + "→" + s.name(e, e.To)
	}
	session := ""
	if e.Session > 0 {
		session = fmt.Sprintf("s%d", e.Session)
	}
	s.paint(colorDim, fmt.Sprintf("%11.3f", e.Time))
	s.w.WriteString("  ")
	s.paint(colorCyan, pad(arrow, widthArrow))
	fmt.Fprintf(s.w, " %-3s ", session)
	header := ""
	if e.Packet != nil && e.opens {
		header = e.Packet.String()
	}
	s.paint(colorDim, pad(header, widthHeader))
	s.w.WriteString(" ")
	what, color := describeKind(e)
	if e.Text == "" && e.Message == nil {
		s.paint(color, what)
	} else {
		s.paint(color, pad(what, widthWhat))
		s.w.WriteString(" ")
	}
	s.words(e)
	s.w.WriteString("\n")
	s.dump(e.Payload)
}

// words writes the event in words, with marks.
func (s *textSink) words(e Event) {
	text := e.Text
	if m := e.Message; m != nil {
		text = describeMessage(e, *m)
	}
	s.w.WriteString(printable(text))
	for _, mark := range []struct {
		set  bool
		text string
	}{{e.Retransmission, "retransmission"}, {e.Abandoned, "abandoned"}} {
		if mark.set {
			s.w.WriteString(", ")
			s.paint(colorRed, mark.text)
		}
	}
}

// describeMessage is what stands behind the type of a message.
func describeMessage(e Event, m Message) string {
	text := fmt.Sprintf("flow %d (%s)", *e.Flow, m.Flow)
	if m.Timestamp != nil {
		text += fmt.Sprintf(" at %d ms", *m.Timestamp)
	}
	text += ", " + byteCount(m.Size)
	if e.Last != e.Sequence {
		text += fmt.Sprintf(", #%d-#%d", e.Sequence, e.Last)
	}
	if m.Text != "" {
		text += ": " + m.Text
	}
	return text
}

// describeKind names what a line is about, with the colour of that.
func describeKind(e Event) (what, color string) {
	switch e.Kind {
	case KindChunk:
		return e.Chunk, colorYellow
	case KindMessage:
		return "» " + e.Message.Type, colorGreen
	case KindGap:
		return "gap", colorRed
	case KindFlow:
		return "flow", colorMagenta
	case KindSession:
		return "session", colorBold
	case KindPacket:
		return "packet", colorDim
	}
	return string(e.Kind), colorBold
}

// String is the mode by its letter, and the times in ticks of 4 ms.
func (h *PacketHeader) String() string {
	words := []string{strings.ToUpper(h.Mode[:1])}
	if h.Timestamp != nil {
		words = append(words, fmt.Sprintf("ts=%d", *h.Timestamp))
	}
	if h.Echo != nil {
		words = append(words, fmt.Sprintf("echo=%d", *h.Echo))
	}
	if h.TimeCritical {
		words = append(words, "tc")
	}
	if h.TimeCriticalReverse {
		words = append(words, "tcr")
	}
	return strings.Join(words, " ")
}

// name gives the short name of an address, and says so when it is new.
func (s *textSink) name(e Event, address netip.AddrPort) string {
	if name, ok := s.names[address]; ok {
		return name
	}
	if len(s.names) >= maxSpeakers {
		return address.String()
	}
	name := letters(len(s.names))
	s.names[address] = name
	s.paint(colorDim, fmt.Sprintf("%11.3f", e.Time))
	s.w.WriteString("  ")
	s.paint(colorBold, fmt.Sprintf("%s is %s", name, address))
	s.w.WriteString("\n")
	return name
}

// letters counts A, B, … Z, AA, AB and so on.
func letters(n int) string {
	text := ""
	for n++; n > 0; n = (n - 1) / 26 {
		text = string(rune('A'+(n-1)%26)) + text
	}
	return text
}

func (s *textSink) paint(color, text string) {
	if !s.color || strings.TrimSpace(text) == "" {
		s.w.WriteString(text)
		return
	}
	s.w.WriteString(color + text + colorOff)
}

// dump writes bytes as addresses, digits and characters.
func (s *textSink) dump(payload string) {
	b, err := hex.DecodeString(payload)
	if err != nil || len(b) == 0 {
		return
	}
	for line := range strings.Lines(hex.Dump(b)) {
		s.w.WriteString(strings.Repeat(" ", 19) + line)
	}
}

// pad fills a text up to a width in characters.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0))
}

// printable replaces what could mislead a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, text)
}
