package engine

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"

	"afterglow/scripting/es3"
)

// Kind is what went wrong with a script.
type Kind uint8

// The kinds of problems.
const (
	Exception   Kind = iota // thrown and not caught
	Syntax                  // the file does not compile
	Runaway                 // ran longer than it may
	OutOfMemory             // took more memory than it may
	TooDeep                 // calls nested deeper than they may
	Broken                  // a fault of the engine, after which the heap cannot be used
	Warning                 // something is missing or odd, nothing was interrupted
)

// Problem is an error of a script as an application's log and application.onStatus tell it (server-side-api 1.5).
type Problem struct {
	Kind    Kind
	Message string
	File    string // as load() names it
	Line    int    // from 1, 0 if unknown
	Text    string // the source text of that line
	Stack   string // calls that led there, one a line, innermost first
}

// String returns the problem in one line.
func (p Problem) String() string {
	if p.File == "" {
		return p.Message
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
}

// ScriptError is a Problem as an error.
type ScriptError struct {
	Problem
	// Value is what was thrown, nil for other kinds.
	Value goja.Value

	cause error // as goja returned it
}

// Error returns the problem in one line.
func (s *ScriptError) Error() string { return s.String() }

// scriptError makes a ScriptError of what goja returns.
func (e *Engine) scriptError(err error) *ScriptError {
	var (
		already     *ScriptError
		exception   *goja.Exception
		interrupted *goja.InterruptedError
		deep        *goja.StackOverflowError
		scan        *es3.SyntaxError
	)
	s := &ScriptError{cause: err}
	switch {
	case errors.As(err, &already):
		return already
	case errors.As(err, &interrupted):
		s.Kind = Runaway
		if v, ok := interrupted.Value().(interruption); ok {
			s.Kind, s.Message = v.kind, v.message
		}
		s.place(interrupted.Stack())
	case errors.As(err, &deep):
		s.Kind, s.Message = TooDeep, fmt.Sprintf("too much recursion: calls nest deeper than %d", e.options.MaxDepth)
		s.place(deep.Stack())
	case errors.As(err, &exception):
		s.Value = exception.Value()
		if s.Message, err = e.describe(exception); err != nil {
			return e.scriptError(err)
		}
		s.place(exception.Stack())
	case errors.As(err, &scan):
		s.Kind, s.Message, s.File, s.Line = Syntax, "SyntaxError: "+scan.Message, scan.Name, scan.Line
	default:
		s.Kind, s.Message = Syntax, err.Error()
		s.compile(err)
	}
	s.Text = e.sources.line(s.File, s.Line)
	return s
}

// describe is what an exception says, without its stack. One whose toString throws in turn says nothing; one whose toString is
// interrupted is an interruption.
func (e *Engine) describe(x *goja.Exception) (string, error) {
	text := "exception"
	_, err := e.perform(func() { text = x.Value().String() })
	if interrupted := (*goja.InterruptedError)(nil); errors.As(err, &interrupted) {
		return "", interrupted
	}
	const most = 2048
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text, nil
}

// place takes file and line from where script was running, past what Go code did there.
func (p *Problem) place(stack []goja.StackFrame) {
	const most = 10
	var lines []string
	for _, f := range stack {
		at := f.Position()
		if at.Line == 0 {
			continue
		}
		if p.File == "" {
			p.File, p.Line = at.Filename, at.Line
		}
		if len(lines) < most {
			lines = append(lines, fmt.Sprintf("%s (%s:%d)", f.FuncName(), at.Filename, at.Line))
		}
	}
	p.Stack = strings.Join(lines, "\n")
}

// compile takes file and line from an error of goja's compiler.
func (p *Problem) compile(err error) {
	var list parser.ErrorList
	var compiler *goja.CompilerSyntaxError
	var at file.Position
	switch {
	case errors.As(err, &list) && len(list) > 0:
		at, p.Message = list[0].Position, "SyntaxError: "+list[0].Message
	case errors.As(err, &compiler):
		p.Message = "SyntaxError: " + compiler.Message
		if compiler.File != nil {
			at = compiler.File.Position(compiler.Offset)
		}
	}
	p.File, p.Line = at.Filename, at.Line
}

// sources are the files that were run, so that errors show their lines.
type sources struct{ lines map[string][]string }

func (s *sources) add(name, source string) {
	if s.lines == nil {
		s.lines = make(map[string][]string)
	}
	s.lines[name] = strings.Split(strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n"), "\n")
}

func (s *sources) line(name string, n int) string {
	lines := s.lines[name]
	if n < 1 || n > len(lines) {
		return ""
	}
	const most = 200
	text := strings.TrimSpace(lines[n-1])
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// frame is a line of an Error's stack with a position in it.
var frame = regexp.MustCompile(`\(?([^()\s]+):(\d+):\d+\(\d+\)`)

// installErrors gives errors the properties fileName and lineNumber (server-side-api 1.8).
func (e *Engine) installErrors() {
	proto := e.VM.Get("Error").ToObject(e.VM).Get("prototype").ToObject(e.VM)
	position := func(part int) func(goja.FunctionCall) goja.Value {
		return func(call goja.FunctionCall) goja.Value {
			o, ok := call.This.(*goja.Object)
			if !ok {
				return goja.Undefined()
			}
			stack := o.Get("stack")
			if stack == nil {
				return goja.Undefined()
			}
			m := frame.FindStringSubmatch(stack.String())
			if m == nil {
				return goja.Undefined()
			}
			if part == 2 {
				n, _ := strconv.Atoi(m[2])
				return e.VM.ToValue(n)
			}
			return e.VM.ToValue(m[1])
		}
	}
	for name, part := range map[string]int{"fileName": 1, "lineNumber": 2} {
		e.accessor(proto, name, position(part), nil)
	}
}

// accessor defines a property with Go functions behind it: it does not show in for..in and can be deleted. One without a
// setter ignores what is assigned, but an object that inherits it can define its own.
func (e *Engine) accessor(o *goja.Object, name string, get, set func(goja.FunctionCall) goja.Value) {
	var getter, setter goja.Value
	if get != nil {
		getter = e.VM.ToValue(get)
	}
	if set != nil {
		setter = e.VM.ToValue(set)
	}
	_ = o.DefineAccessorProperty(name, getter, setter, goja.FLAG_TRUE, goja.FLAG_FALSE)
}
