package es3

import (
	"errors"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/file"
	gojaparser "github.com/dop251/goja/parser"
)

// CheckSyntax says whether the source of the file of that name would run, without running it: nil, or a [*SyntaxError] with
// the place of the first mistake. It takes what [Rewrite] and goja take together.
func CheckSyntax(name, src string) error {
	text, err := Rewrite(name, src)
	if err != nil {
		return err
	}
	program, err := gojaparser.ParseFile(nil, name, text, 0, gojaparser.WithDisableSourceMaps)
	if err == nil {
		_, err = goja.CompileAST(program, false)
	}
	if err == nil {
		return nil
	}
	return foundBy(err, name, toUTF8(src))
}

// foundBy makes a SyntaxError of goja's. Lines are those of the source, columns can be off where the line was rewritten.
func foundBy(err error, name, src string) *SyntaxError {
	s := &SyntaxError{Name: name, Line: 1, Column: 1, Message: err.Error()}
	var list gojaparser.ErrorList
	var compiler *goja.CompilerSyntaxError
	switch {
	case errors.As(err, &list) && len(list) > 0:
		s.Message = list[0].Message
		s.at(list[0].Position)
	case errors.As(err, &compiler):
		s.Message = compiler.Message
		if compiler.File != nil {
			s.at(compiler.File.Position(compiler.Offset))
		}
	}
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(src), "\n")
	if s.Line <= len(lines) {
		s.Text = lines[s.Line-1]
	}
	return s
}

func (e *SyntaxError) at(p file.Position) {
	if p.Line > 0 {
		e.Line, e.Column = p.Line, max(1, p.Column)
	}
}
