package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Error is one thing that is wrong with a configuration.
type Error struct {
	// Source is where the setting comes from: the path of a file, "environment NAME", "--set",
	// or empty for a value that was set by a program.
	Source string
	// Line is the line in the file, from 1; 0 where there is none.
	Line int
	// Key is the full key, as in "rtmp.listen"; empty where the problem is not with one key.
	Key string
	// Problem says what is wrong and what is allowed.
	Problem string

	layer layer
}

// Error returns the problem in one line, as in `afterglow.yaml:12: rtmp.chunkSize: "12": allowed is ...`.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Source != "" {
		b.WriteString(e.Source)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(showKey(e.Key) + ": ")
	}
	return b.String() + e.Problem
}

// Errors is everything that is wrong with a configuration, in the order of the layers and of the lines.
type Errors []*Error

// Error returns one line for each error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors one by one, for [errors.As].
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, err := range e {
		all[i] = err
	}
	return all
}

// layer orders the sources of settings: a later one wins.
type layer int

const (
	layerDefault layer = iota
	layerFile
	layerEnvironment
	layerSet
)

// origin is the place where a setting was made.
type origin struct {
	layer  layer
	source string
	line   int
}

func (o origin) error(key, problem string) *Error {
	return &Error{Source: o.source, Line: o.line, Key: key, Problem: problem, layer: o.layer}
}

// sorted returns the errors in the order of layers and lines, or nil where there is none.
func (e Errors) sorted() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(a.Line, b.Line))
	})
	return e
}

// maxShownValue and maxShownKey are the most bytes of a bad setting that a message repeats.
const (
	maxShownValue = 60
	maxShownKey   = 120
)

// showKey quotes a key that is not a plain word, so that it cannot break the line of a log.
func showKey(key string) string {
	if len(key) > maxShownKey {
		key = strings.ToValidUTF8(key[:maxShownKey], "") + "..."
	}
	for _, c := range []byte(key) {
		if !isAlphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return strconv.Quote(key)
		}
	}
	return key
}

// refusal words the problem with a value; secrets are not shown.
func refusal(f field, text string) string {
	shown := secretValue
	if !f.secret {
		if len(text) > maxShownValue {
			text = strings.ToValidUTF8(text[:maxShownValue], "") + "..."
		}
		shown = fmt.Sprintf("%q", text)
	}
	return shown + ": allowed is " + f.allowed()
}
