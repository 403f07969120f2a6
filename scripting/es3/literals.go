package es3

import "strings"

// number walks over a number. A number that begins with 0 and is not octal because of an 8 or 9 was decimal to the old
// engine: it loses its zeros.
func (l *lexer) number() {
	if l.src[l.pos] == '0' && isDigit(l.at(1)) {
		l.zeroNumber()
		return
	}
	if l.src[l.pos] == '0' && strings.IndexByte("xXoObB", l.at(1)) >= 0 && l.at(1) != 0 {
		l.pos += 2
		l.digits(isHex)
		l.bigInteger()
		return
	}
	l.digits(isDigit)
	l.fraction()
	l.bigInteger()
}

func (l *lexer) zeroNumber() {
	start := l.pos
	l.digits(isDigit)
	digits := l.src[start:l.pos]
	if !strings.ContainsAny(digits, "89") {
		return
	}
	zeros := len(digits) - len(strings.TrimLeft(digits, "0"))
	l.edits.replace(start, start+zeros, "")
	l.fraction()
}

// fraction walks over what follows the integer part: a point, digits, an exponent.
func (l *lexer) fraction() {
	if l.at(0) == '.' {
		l.pos++
		l.digits(isDigit)
	}
	if l.at(0)|0x20 != 'e' {
		return
	}
	sign := 0
	if l.at(1) == '+' || l.at(1) == '-' {
		sign = 1
	}
	if !isDigit(l.at(1 + sign)) {
		return
	}
	l.pos += 1 + sign
	l.digits(isDigit)
}

func (l *lexer) digits(digit func(byte) bool) {
	for digit(l.at(0)) || l.at(0) == '_' {
		l.pos++
	}
}

func (l *lexer) bigInteger() {
	if l.at(0) == 'n' {
		l.pos++
	}
}

// string walks over a string.
func (l *lexer) string(quote byte) {
	line := l.line
	start, column := l.pos, l.column
	for l.pos++; l.pos < len(l.src); {
		switch c := l.src[l.pos]; c {
		case quote:
			l.pos++
			return
		case '\\':
			l.escape()
		case '\n', '\r':
			l.fail(start, line, column, "unterminated string")
			return
		default:
			l.character()
		}
	}
	l.fail(start, line, column, "unterminated string")
}

// character walks over one byte of a string or a template, or over the end of a line in it.
func (l *lexer) character() {
	if lineEnd(l.src[l.pos:]) == 0 {
		l.pos++
		return
	}
	newline := l.newline
	l.endLine()
	l.newline, l.fresh = newline, false
}

// escape walks over a backslash and what it escapes. The old engine took \u and \x without their hexadecimal digits for
// the letters u and x: the backslash goes.
func (l *lexer) escape() {
	if c := l.at(1); c == 'u' && !l.unicodeEscape() || c == 'x' && !(isHex(l.at(2)) && isHex(l.at(3))) {
		l.edits.replace(l.pos, l.pos+1, "")
	}
	l.pos++
	if l.pos < len(l.src) {
		l.character()
	}
}

func (l *lexer) unicodeEscape() bool {
	return l.at(2) == '{' || isHex(l.at(2)) && isHex(l.at(3)) && isHex(l.at(4)) && isHex(l.at(5))
}

// identifierEscape is the size of an escape that stands for a character of an identifier, 0 if s does not begin with one.
func identifierEscape(s string) int {
	digits, ok := strings.CutPrefix(s, `\u`)
	if !ok || digits == "" {
		return 0
	}
	if digits[0] == '{' {
		size := 1
		for size < len(digits) && isHex(digits[size]) {
			size++
		}
		if size < len(digits) && digits[size] == '}' {
			return size + 3
		}
		return 0
	}
	if len(digits) < 4 || !isHex(digits[0]) || !isHex(digits[1]) || !isHex(digits[2]) || !isHex(digits[3]) {
		return 0
	}
	return 6
}

// template walks over a piece of a template, from its quote or the brace that ends an expression to the quote or the
// brace of the next expression.
func (l *lexer) template() Kind {
	line := l.line
	start, column := l.pos, l.column
	for l.pos++; l.pos < len(l.src); {
		switch {
		case l.src[l.pos] == '`':
			l.pos++
			return String
		case l.sees("${"):
			l.pos += 2
			l.open = true
			return String
		case l.src[l.pos] == '\\':
			l.pos++
			if l.pos < len(l.src) {
				l.character()
			}
		default:
			l.character()
		}
	}
	l.fail(start, line, column, "unterminated template")
	return String
}

// regexp walks over a regular expression. A hyphen before a class such as \d inside of brackets stands for itself; goja
// wants to hear so.
func (l *lexer) regexp() Kind {
	start, class := l.pos, -1 // where brackets opened
	for l.pos++; l.pos < len(l.src) && lineEnd(l.src[l.pos:]) == 0; l.pos++ {
		switch c := l.src[l.pos]; {
		case c == '\\' && l.pos+1 < len(l.src) && lineEnd(l.src[l.pos+1:]) == 0:
			l.pos++
		case c == '[' && class < 0:
			class = l.pos
		case c == ']':
			class = -1
		case c == '-' && class >= 0 && l.at(1) == '\\' && strings.IndexByte("dDwWsS", l.at(2)) >= 0 && l.at(2) != 0:
			if begun := strings.TrimPrefix(l.src[class+1:l.pos], "^"); begun != "" {
				l.edits.before(l.pos, `\`)
			}
		case c == '/' && class < 0:
			l.pos++
			l.identifier()
			return Regexp
		}
	}
	l.fail(start, l.line, l.column, "unterminated regular expression")
	return Regexp
}
