package es3

import (
	"cmp"
	"slices"
	"strings"
)

// edits are changes to a source, none of which touches the end of a line.
type edits []edit

type edit struct {
	from, to int
	rank     int // of edits at one place
	text     string
}

// after puts text behind the token that ends at the offset.
func (e *edits) after(at int, text string) {
	if text != "" {
		*e = append(*e, edit{at, at, 0, text})
	}
}

// before puts text before the token that begins at the offset.
func (e *edits) before(at int, text string) { *e = append(*e, edit{at, at, 1, text}) }

// replace puts text in the place of what stands there.
func (e *edits) replace(from, to int, text string) { *e = append(*e, edit{from, to, 2, text}) }

// apply returns the changed source.
func (e edits) apply(src string) string {
	if len(e) == 0 {
		return src
	}
	slices.SortStableFunc(e, func(a, b edit) int { return cmp.Or(a.from-b.from, a.rank-b.rank) })
	var out strings.Builder
	done := 0
	for _, change := range e {
		out.WriteString(src[done:change.from])
		out.WriteString(change.text)
		done = change.to
	}
	out.WriteString(src[done:])
	return out.String()
}
