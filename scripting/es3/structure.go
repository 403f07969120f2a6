package es3

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dop251/goja"
)

// foreign writes an object with the toSource that a script gave it, and reports whether there was one.
func (w *sourceWriter) foreign(o *goja.Object) bool {
	own, _ := o.Get("toSource").(*goja.Object)
	if own == nil || own == w.own {
		return false
	}
	fn, ok := goja.AssertFunction(own)
	if !ok {
		return false
	}
	text, err := fn(o)
	must(err)
	w.out.WriteString(text.String())
	return true
}

// failure writes an error.
func (w *sourceWriter) failure(o *goja.Object) {
	name := "Error"
	if v := o.Get("name"); v != nil {
		name = v.String()
	}
	w.out.WriteString("(new " + name + "(")
	if v := o.Get("message"); v != nil {
		w.present(text(v), false)
	}
	w.out.WriteString("))")
}

// shared writes an object or an array, or the number of one that is written already.
func (w *sourceWriter) shared(o *goja.Object, outermost bool) {
	if number, written := w.numbers[o]; written {
		fmt.Fprintf(&w.out, "#%d#", number)
		return
	}
	if w.often[o] > 1 {
		w.numbers[o] = len(w.numbers) + 1
		fmt.Fprintf(&w.out, "#%d=", w.numbers[o])
		outermost = false
	}
	if o.ClassName() == "Array" {
		w.array(o)
		return
	}
	if outermost {
		w.out.WriteByte('(')
		defer w.out.WriteByte(')')
	}
	w.properties(o)
}

func (w *sourceWriter) array(o *goja.Object) {
	w.out.WriteByte('[')
	length := o.Get("length").ToInteger()
	for i := range length {
		if i > 0 {
			w.out.WriteString(", ")
		}
		v := o.Get(strconv.FormatInt(i, 10))
		if v != nil {
			w.value(v, false)
		} else if w.out.Len() > maxSourceSize {
			w.throw("object too large for toSource")
		} else if i == length-1 {
			w.out.WriteByte(',') // or the hole would go
		}
	}
	w.out.WriteByte(']')
}

func (w *sourceWriter) properties(o *goja.Object) {
	w.out.WriteByte('{')
	for i, key := range o.Keys() {
		if i > 0 {
			w.out.WriteString(", ")
		}
		w.out.WriteString(propertyName(w.vm, key))
		w.out.WriteByte(':')
		w.value(o.Get(key), false)
	}
	w.out.WriteByte('}')
}

// propertyName is a name as it stands in the literal of an object.
func propertyName(vm *goja.Runtime, key string) string {
	if n, err := strconv.ParseUint(key, 10, 32); err == nil && strconv.FormatUint(n, 10) == key {
		return key
	}
	rest := key
	for rest != "" && rest[0] < 0x80 && rest[0] != '\\' && identifierPart(rest) > 0 {
		rest = rest[1:]
	}
	if rest == "" && key != "" && identifierStart(key) > 0 {
		return key
	}
	return quoted(vm.ToValue(key).(goja.String), '\'')
}

// quoted is a string in quotes. Only the printable characters of ASCII stand for themselves.
func quoted(s goja.String, quote uint16) string {
	var out strings.Builder
	out.WriteByte(byte(quote))
	for i := range s.Length() {
		c := s.CharAt(i)
		switch {
		case c == quote || c == '\\':
			out.WriteByte('\\')
			out.WriteByte(byte(c))
		case c >= ' ' && c < 0x7f:
			out.WriteByte(byte(c))
		case c < 0x80 && strings.IndexByte("\b\f\n\r\t\v", byte(c)) >= 0:
			out.WriteString(`\` + string("bfnrtv"[strings.IndexByte("\b\f\n\r\t\v", byte(c))]))
		case c < 0x100:
			fmt.Fprintf(&out, `\x%02X`, c)
		default:
			fmt.Fprintf(&out, `\u%04X`, c)
		}
	}
	out.WriteByte(byte(quote))
	return out.String()
}
