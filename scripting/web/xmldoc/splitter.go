package xmldoc

import "errors"

// ErrTooLong says that a fragment is longer than a Splitter may keep.
var ErrTooLong = errors.New("the fragment is longer than its limit")

// Splitter cuts the text of a long-lived document, as it arrives, into the elements directly within its root
// (server-side-api 2.11). Texts between them are left out, and so is the start tag of the root. When the root has ended,
// another may begin.
type Splitter struct {
	// Max is how many bytes may wait for the end of a fragment, or of the tag of the root. 0 is no limit.
	Max int

	pending []byte // the fragment, or the tag, so far
	depth   int
	state   splitState
	quote   byte
	slash   bool // the last character within the tag
	tag     int  // where the tag began in pending
}

type splitState uint8

const (
	inText splitState = iota
	inTag
	inQuote
	inMarkup // a comment, CDATA, a document type or an instruction
)

// Write takes more text and returns the fragments that are complete with it. After ErrTooLong the splitter is of no more use.
func (s *Splitter) Write(text []byte) (fragments []string, err error) {
	for _, c := range text {
		if s.state == inText && c != '<' && s.depth <= 1 {
			continue // between fragments
		}
		if s.pending = append(s.pending, c); s.Max > 0 && len(s.pending) > s.Max {
			return fragments, ErrTooLong
		}
		if s.step(c) {
			fragments = append(fragments, string(s.pending))
			s.pending = s.pending[:0]
		}
	}
	return fragments, nil
}

// step follows one character that has been appended, and says whether a fragment ends with it.
func (s *Splitter) step(c byte) bool {
	switch s.state {
	case inText:
		if c == '<' {
			s.state, s.tag, s.slash = inTag, len(s.pending)-1, false
		}
	case inQuote:
		if c == s.quote {
			s.state = inTag
		}
	case inMarkup:
		if s.markupEnds(c) {
			s.state = inText
			s.forget()
		}
	case inTag:
		return s.inside(c)
	}
	return false
}

// inside follows a character of a tag.
func (s *Splitter) inside(c byte) bool {
	first := len(s.pending)-s.tag == 2
	if first && (c == '!' || c == '?') {
		s.state = inMarkup
		return false
	}
	switch c {
	case '"', '\'':
		s.state, s.quote = inQuote, c
	case '>':
		s.state = inText
		return s.tagEnds()
	}
	s.slash = c == '/'
	return false
}

// tagEnds counts elements. It says whether a fragment is complete.
func (s *Splitter) tagEnds() bool {
	closing, empty := s.pending[s.tag+1] == '/', s.slash
	switch {
	case closing:
		s.depth = max(0, s.depth-1)
	case !empty:
		s.depth++
	}
	if s.depth == 1 && (closing || empty) {
		return true
	}
	s.forget()
	return false
}

// forget drops what belongs to no fragment.
func (s *Splitter) forget() {
	if s.depth <= 1 {
		s.pending = s.pending[:0]
	}
}

// markupEnds says whether a comment, CDATA or the like ends with a character.
func (s *Splitter) markupEnds(c byte) bool {
	if c != '>' {
		return false
	}
	m := s.pending[s.tag:]
	switch {
	case starts(m, "<!--"):
		return len(m) >= len("<!---->") && ends(m, "-->")
	case starts(m, "<![CDATA["):
		return ends(m, "]]>")
	case starts(m, "<?"):
		return ends(m, "?>")
	}
	return true
}

func starts(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }
func ends(b []byte, s string) bool   { return len(b) >= len(s) && string(b[len(b)-len(s):]) == s }
