package appcheck

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteText writes a report for people: what cannot work, then what works partly, what does if all is set, notes and a summary.
func (r *Report) WriteText(w io.Writer, all bool) error {
	out := &textWriter{w: w}
	out.line("%s: %s", r.Name, strings.Join(r.Files, ", "))
	if !r.Runs() {
		out.line("\nNot supported")
	}
	for _, p := range r.Problems {
		out.problem(p)
	}
	out.uses(r.Uses, No)
	if r.Count(Partly) > 0 {
		out.line("\nPartly supported")
	}
	out.uses(r.Uses, Partly)
	if all && r.Count(Yes) > 0 {
		out.line("\nSupported")
		out.uses(r.Uses, Yes)
	}
	if len(r.Notes) > 0 {
		out.line("\nTo be known")
	}
	for _, n := range r.Notes {
		out.line("  %s", n)
	}
	out.line("\n%s", r.summary())
	return out.err
}

func (r *Report) summary() string {
	problems := ""
	switch n := len(r.Problems); n {
	case 0:
	case 1:
		problems = ", 1 problem of the files"
	default:
		problems = fmt.Sprintf(", %d problems of the files", n)
	}
	return fmt.Sprintf("%s: uses %d of the server's functions, properties and handlers: %d supported, %d partly, %d not%s",
		r.Name, len(r.Uses), r.Count(Yes), r.Count(Partly), r.Count(No), problems)
}

// WriteJSON writes a report as one object, with all that is used.
func (r *Report) WriteJSON(w io.Writer) error {
	full := *r
	full.Files, full.Problems = orEmpty(r.Files), orEmpty(r.Problems)
	full.Uses, full.Notes = orEmpty(r.Uses), orEmpty(r.Notes)
	return json.NewEncoder(w).Encode(struct {
		*Report
		Supported int `json:"supported"`
		Partly    int `json:"partly"`
		Not       int `json:"not"`
	}{&full, r.Count(Yes), r.Count(Partly), r.Count(No)})
}

// orEmpty returns a list that is [] in JSON, and not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// textWriter writes lines and keeps the first error.
type textWriter struct {
	w   io.Writer
	err error
}

func (t *textWriter) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

func (t *textWriter) problem(p Problem) {
	at := p.File
	if p.Line > 0 {
		at = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	t.line("  %s: %s", at, p.Text)
	if p.Note != "" {
		t.line("      %s", p.Note)
	}
}

// mostPlaces is how many places are shown of something that is no trouble.
const mostPlaces = 8

func (t *textWriter) uses(uses []Use, s Support) {
	for _, u := range uses {
		if u.Support != s {
			continue
		}
		name := u.API
		if u.Probable {
			name = "probably " + name
		}
		places, more := u.Places, ""
		if s == Yes && len(places) > mostPlaces {
			more = fmt.Sprintf(" and %d more", len(places)-mostPlaces)
			places = places[:mostPlaces]
		}
		t.line("  %-32s %s%s", name, strings.Join(places, " "), more)
		if u.Note != "" {
			t.line("      %s %s", u.Note, u.Doc)
		}
	}
}
