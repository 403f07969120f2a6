package files

import (
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
)

type method = engine.Method[*file]

func methods() map[string]method {
	return map[string]method{
		"open":      func(f *file, c engine.Call) goja.Value { return f.done(c, "open", f.open(c.String(0), c.String(1))) },
		"close":     func(f *file, c engine.Call) goja.Value { return f.done(c, "close", f.close()) },
		"flush":     flush,
		"eof":       func(f *file, c engine.Call) goja.Value { return c.Value(f.stream == nil || f.stream.ended()) },
		"read":      read,
		"readln":    readln,
		"readAll":   readAll,
		"readByte":  readByte,
		"write":     writer("write", ""),
		"writeln":   writer("writeln", "\n"),
		"writeAll":  writeAll,
		"writeByte": writeByte,
		"seek":      seek,
		"list":      list,
		"mkdir":     func(f *file, c engine.Call) goja.Value { return f.done(c, "mkdir", f.mkdir(c.String(0))) },
		"remove":    func(f *file, c engine.Call) goja.Value { return f.done(c, "remove", f.remove(c.Bool(0, false))) },
		"renameTo":  func(f *file, c engine.Call) goja.Value { return f.done(c, "renameTo", f.renameTo(c.String(0))) },
		"copyTo":    func(f *file, c engine.Call) goja.Value { return f.done(c, "copyTo", f.copyTo(c.String(0))) },
		"toString":  func(f *file, c engine.Call) goja.Value { return c.Value(f.path) },
	}
}

var (
	errNotOpen   = errors.New("the file is not open")
	errNotText   = errors.New("the file is not open as text")
	errNotBinary = errors.New("the file is not open as binary")
)

// as returns the open file if it is of a type.
func (f *file) as(text bool) (*stream, error) {
	switch {
	case f.stream == nil:
		return nil, errNotOpen
	case text && !f.stream.text:
		return nil, errNotText
	case !text && f.stream.text:
		return nil, errNotBinary
	}
	return f.stream, nil
}

func flush(f *file, c engine.Call) goja.Value {
	if f.stream == nil {
		return f.done(c, "flush", errNotOpen)
	}
	return c.Value(true) // nothing waits in a buffer
}

// read answers null where it fails, and what is left near the end of the file.
func read(f *file, c engine.Call) goja.Value {
	n := c.Number(0, 0)
	if f.stream == nil {
		f.warn("read", errNotOpen)
		return goja.Null()
	}
	if !(n >= 0) {
		n = 0
	}
	b, err := f.stream.next(int(min(n, math.MaxInt32)))
	if err != nil {
		f.warn("read", err)
		return goja.Null()
	}
	return c.Value(f.stream.decode(b))
}

// readln answers null where it fails, and at the end of the file.
func readln(f *file, c engine.Call) goja.Value {
	s, err := f.as(true)
	var line []byte
	if err == nil {
		line, err = s.line()
	}
	if errors.Is(err, io.EOF) {
		return goja.Null()
	}
	if err != nil {
		f.warn("readln", err)
		return goja.Null()
	}
	return c.Value(s.decode(line))
}

func readAll(f *file, c engine.Call) goja.Value {
	s, err := f.as(true)
	var lines []string
	if err == nil {
		lines, err = s.lines()
	}
	if err != nil {
		f.warn("readAll", err)
		return goja.Null()
	}
	values := make([]any, len(lines))
	for i, line := range lines {
		values[i] = line
	}
	return c.VM.NewArray(values...)
}

// readByte answers -1 where it fails, and at the end of the file.
func readByte(f *file, c engine.Call) goja.Value {
	s, err := f.as(false)
	var b []byte
	if err == nil {
		b, err = s.next(1)
	}
	if err != nil {
		f.warn("readByte", err)
	}
	if len(b) == 0 {
		return c.Value(-1)
	}
	return c.Value(int(b[0]))
}

// writer makes a method that writes its arguments as text, and what ends them. The text is made first: its conversion may
// run script, which may close the file.
func writer(name, end string) method {
	return func(f *file, c engine.Call) goja.Value {
		var text strings.Builder
		for _, a := range c.Args {
			text.WriteString(a.String())
		}
		text.WriteString(end)
		return f.done(c, name, f.write(text.String()))
	}
}

// writeAll writes each element of an array as a line.
func writeAll(f *file, c engine.Call) goja.Value {
	o, ok := c.Arg(0).(*goja.Object)
	if !ok || o.ClassName() != "Array" {
		return f.done(c, "writeAll", errors.New("an array is needed"))
	}
	var text strings.Builder
	for i, n := int64(0), o.Get("length").ToInteger(); i < n; i++ {
		if element := o.Get(strconv.FormatInt(i, 10)); element != nil {
			text.WriteString(element.String())
		}
		text.WriteByte('\n')
		if text.Len() > mostWritten {
			return f.done(c, "writeAll", errors.New("the array is too long"))
		}
	}
	return f.done(c, "writeAll", f.write(text.String()))
}

// mostWritten is how many bytes writeAll writes: an array may claim to be of any length.
const mostWritten = 64 << 20

func writeByte(f *file, c engine.Call) goja.Value {
	b := byte(c.Arg(0).ToInteger())
	s, err := f.as(false)
	if err == nil {
		err = s.put([]byte{b})
	}
	return f.done(c, "writeByte", err)
}

func (f *file) write(text string) error {
	if f.stream == nil {
		return errNotOpen
	}
	return f.stream.put(f.stream.encode(text))
}

// seek moves the position by a number of bytes, to and fro, and answers where it is then, or -1.
func seek(f *file, c engine.Call) goja.Value {
	n := c.Arg(0).ToInteger()
	err := errNotOpen
	at := int64(-1)
	if f.stream != nil {
		at, err = f.stream.skip(n)
	}
	if err != nil {
		f.warn("seek", err)
		return c.Value(-1)
	}
	return c.Value(at)
}
