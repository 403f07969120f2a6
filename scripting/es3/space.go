package es3

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// skip moves to the next token, over space, ends of lines and comments.
func (l *lexer) skip() {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == ' ' || c == '\t' || c == '\v' || c == '\f':
			l.pos++
		case lineEnd(l.src[l.pos:]) > 0:
			l.endLine()
		case c == '/' && l.at(1) == '/':
			l.skipLine()
		case c == '/' && l.at(1) == '*':
			l.comment()
		case c == '<' && l.sees("<!--"):
			l.hideLine()
		case c == '-' && l.fresh && l.sees("-->"):
			l.hideLine()
		case c >= utf8.RuneSelf && l.wideSpace():
		default:
			return
		}
	}
}

// wideSpace moves over one character of space outside of ASCII.
func (l *lexer) wideSpace() bool {
	r, size := utf8.DecodeRuneInString(l.src[l.pos:])
	if r != '\ufeff' && !unicode.IsSpace(r) {
		return false
	}
	l.pos += size
	return true
}

// endLine moves over the end of a line.
func (l *lexer) endLine() {
	l.pos += lineEnd(l.src[l.pos:])
	l.line++
	l.counted, l.column = l.pos, 1
	l.newline, l.fresh = true, true
}

// skipLine moves to the end of the line.
func (l *lexer) skipLine() {
	for l.pos < len(l.src) && lineEnd(l.src[l.pos:]) == 0 {
		l.pos++
	}
}

// hideLine makes a comment of the rest of the line, which begins with the mark of an HTML comment. The old engine took
// the opening mark anywhere and the closing one at the beginning of a line.
func (l *lexer) hideLine() {
	l.edits.replace(l.pos, l.pos+2, "//")
	l.skipLine()
}

// comment moves over a comment of several lines.
func (l *lexer) comment() {
	l.count()
	start, line, column := l.pos, l.line, l.column
	for l.pos += 2; l.pos < len(l.src); {
		if l.sees("*/") {
			l.pos += 2
			return
		}
		if lineEnd(l.src[l.pos:]) > 0 {
			l.endLine()
			continue
		}
		l.pos++
	}
	l.fail(start, line, column, "unterminated comment")
}

// lineEnd is the size of the end of a line at the beginning of s, 0 if there is none.
func lineEnd(s string) int {
	switch {
	case s == "":
		return 0
	case s[0] == '\n':
		return 1
	case s[0] == '\r':
		if strings.HasPrefix(s, "\r\n") {
			return 2
		}
		return 1
	case s[0] == 0xe2 && (strings.HasPrefix(s, "\u2028") || strings.HasPrefix(s, "\u2029")):
		return 3
	}
	return 0
}
