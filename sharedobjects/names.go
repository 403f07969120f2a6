package sharedobjects

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is how long the name of an object may be, in bytes.
const MaxName = 255

// forbidden are the characters that the name of an object must not have (server-side-api 2.5).
const forbidden = " ~%&\\;:\"',<>?#"

// ValidName returns an error that wraps [ErrName] unless name can be that of a shared object: 1 to 255 bytes of UTF-8
// without control characters, spaces and any of ~ % & \ ; : " ' , < > ? # (server-side-api 2.5). Slashes are allowed.
func ValidName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("shared object: %w: empty", ErrName)
	case len(name) > MaxName:
		return fmt.Errorf("shared object: %w: %d bytes, at most %d", ErrName, len(name), MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("shared object %q: %w: not UTF-8", name, ErrName)
	case strings.ContainsAny(name, forbidden) || strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("shared object %q: %w: no control characters, spaces and any of %s", name, ErrName, forbidden[1:])
	}
	return nil
}

func validProperty(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("property: %w: empty", ErrName)
	case len(name) > MaxPropertyName:
		return fmt.Errorf("property: %w: %d bytes, at most %d", ErrName, len(name), MaxPropertyName)
	}
	return nil
}

// Match reports whether a path of clearSharedObjects means the object of that name (server-side-api 2.2). "/" means all; "*"
// stands for any characters, slashes included, so that "/a/*" is all below a; "?" stands for one character that is not a
// slash. A slash in front of the path or the name does not count. An empty path means nothing.
func Match(pattern, name string) bool {
	if pattern == "/" {
		return true
	}
	return match(strings.TrimPrefix(pattern, "/"), strings.TrimPrefix(name, "/"))
}

// match goes back only to the last star, so its time is at most the product of the lengths.
func match(pattern, name string) bool {
	afterStar, resume := -1, 0
	p, n := 0, 0
	for n < len(name) {
		r, size := utf8.DecodeRuneInString(name[n:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			p++
			afterStar, resume = p, n
		case p < len(pattern) && pattern[p] == '?' && r != '/':
			p++
			n += size
		case p < len(pattern) && strings.HasPrefix(pattern[p:], name[n:n+size]):
			p += size
			n += size
		case afterStar >= 0:
			_, size := utf8.DecodeRuneInString(name[resume:])
			resume += size
			p, n = afterStar, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
