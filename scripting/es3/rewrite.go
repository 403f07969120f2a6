package es3

import (
	"strings"
	"unicode/utf8"
)

// Rewrite returns src, the source of the file of that name, as source that goja compiles to what SpiderMonkey 1.5 did with
// it (server-side-api 1.8). It has the same number of lines and each statement stays on its line. Source that needs no
// change comes back as it is.
//
//   - A function declared in a block is a variable of the function around it, from when execution comes to the
//     declaration. A use earlier in the same block finds it as well unless the name has a value by then; the function is
//     then named f$1 or so. Unlike with the old engine the name hides one of a function further out even before.
//   - const is var. Later assignments change nothing: at the top level the property of the global object becomes read-only
//     with the declaration (which holds for other files and eval too), inside of functions the assignments are redirected.
//     Only those from eval, and those to a name in parentheses, get through there. A second declaration is no error
//     and has no effect at the top level; inside of functions it sets the value.
//   - for each goes through the values. A catch clause may have a condition, and a try 100 clauses. A variable may be
//     named like what the clause around it catches: then it is the same variable, also behind the clause.
//   - HTML comments, decimal numbers that begin with 0, and \u and \x without digits in strings are taken.
//   - The text of a direct call of eval goes through the same at run time, which takes [Install].
//   - Bytes that are not UTF-8 are taken for Latin-1.
//
// The result must run as a program, where this is the global object. An error is a [*SyntaxError]: an unterminated string,
// comment or regular expression, nesting beyond 1,000 levels, or more than 2,000 operators between two commas, on which
// goja would spend long. Everything else is left for goja to report. Compile the result without source maps, which goja
// otherwise reads from files that the source names.
func Rewrite(name, src string) (string, error) {
	return rewrite(name, src, program)
}

// Scan returns the tokens of src. With an error, a [*SyntaxError] without name, come the tokens before it.
func Scan(src string) ([]Token, error) {
	p := newParser(toUTF8(src))
	p.keep = true
	p.source(program)
	if p.lex.err != nil {
		return p.tokens, p.lex.err
	}
	return p.tokens, nil
}

// goal says what a source is.
type goal uint8

const (
	program goal = iota // a file: its names are properties of the global object
	inner               // the text of a function or of a call of eval
)

func rewrite(name, src string, as goal) (string, error) {
	src = toUTF8(src)
	p := newParser(src)
	p.source(as)
	if p.lex.err != nil {
		p.lex.err.Name = name
		return "", p.lex.err
	}
	p.rewriteConstants()
	p.rewriteEvals()
	return p.lex.edits.apply(src), nil
}

// source walks over all.
func (p *parser) source(as goal) {
	p.scope = &scope{global: as == program}
	p.directives()
	for !p.atEnd() {
		p.statement(nil)
	}
	p.closeScope()
}

// toUTF8 takes bytes that are not UTF-8 for Latin-1.
func toUTF8(src string) string {
	if utf8.ValidString(src) {
		return src
	}
	var out strings.Builder
	for len(src) > 0 {
		r, size := utf8.DecodeRuneInString(src)
		if r == utf8.RuneError && size == 1 {
			r = rune(src[0])
		}
		out.WriteRune(r)
		src = src[size:]
	}
	return out.String()
}
