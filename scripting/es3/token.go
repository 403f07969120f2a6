package es3

import "fmt"

// Kind says what sort of word a [Token] is.
type Kind uint8

// The kinds of tokens. A piece of a template literal is a String.
const (
	Identifier Kind = iota + 1
	Keyword
	Number
	String
	Regexp
	Punctuator

	endOfSource Kind = 0
)

// String returns the name of the kind in small letters.
func (k Kind) String() string {
	names := [...]string{"end", "identifier", "keyword", "number", "string", "regexp", "punctuator"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Token is one word of a script. Comments and white space are none.
type Token struct {
	Kind   Kind
	Text   string // as it stands in the source, with its quotes and escapes
	Line   int    // from 1
	Column int    // from 1, in characters
	Offset int    // from 0, in bytes
}

// lexeme is a token with what the parser needs to know of it.
type lexeme struct {
	Token
	newline bool // a line ends between the token before and this one
	open    bool // a piece of a template that an expression follows
}

func (t lexeme) end() int { return t.Offset + len(t.Text) }

// is reports whether the token is this keyword or punctuator.
func (t lexeme) is(text string) bool {
	return (t.Kind == Punctuator || t.Kind == Keyword) && t.Text == text
}

// named reports whether the token is this identifier.
func (t lexeme) named(text string) bool { return t.Kind == Identifier && t.Text == text }

// SyntaxError is what [Rewrite] and [Scan] return for source that has no tokens or is nested too deeply.
type SyntaxError struct {
	Name    string // of the file, as handed to Rewrite
	Line    int    // from 1
	Column  int    // from 1, in characters
	Message string
	Text    string // the line of the source, without its end
}

// Error returns file, line, column and message.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Name, e.Line, e.Column, e.Message)
}

// keywords are the words that never are identifiers. The words that the third edition reserved without using them
// (int, goto, native and so on) are identifiers, as they were to the old engine.
var keywords = map[string]bool{
	"break": true, "case": true, "catch": true, "class": true, "const": true, "continue": true, "debugger": true,
	"default": true, "delete": true, "do": true, "else": true, "enum": true, "export": true, "extends": true, "false": true,
	"finally": true, "for": true, "function": true, "if": true, "import": true, "in": true, "instanceof": true, "new": true,
	"null": true, "return": true, "super": true, "switch": true, "this": true, "throw": true, "true": true, "try": true,
	"typeof": true, "var": true, "void": true, "while": true, "with": true,
}
