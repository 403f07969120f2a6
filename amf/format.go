package amf

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

const (
	// formatMax is about how many bytes Format returns at most.
	formatMax = 2048
	// formatString is how many bytes Format shows of one string.
	formatString = 256
	// formatDepth is how deep Format looks into objects and arrays.
	formatDepth = 8
)

// Format returns a value in one line for logs, much as a script would write
// it. The line is at most a little over 2 KiB long; what is left out of a long
// or deep value shows as "…".
func Format(v Value) string {
	f := formatter{}
	f.value(v, 0)
	return string(f.out)
}

type formatter struct{ out []byte }

func (f *formatter) full() bool { return len(f.out) >= formatMax }

func (f *formatter) add(s string) { f.out = append(f.out, s...) }

func (f *formatter) value(v Value, depth int) {
	if n, ok := number(v); ok {
		f.number(n)
		return
	}
	if v == nil || isNilPointer(v) {
		f.add("null")
		return
	}
	if f.full() || depth > formatDepth {
		f.add("…")
		return
	}
	switch v := v.(type) {
	case UndefinedType:
		f.add("undefined")
	case UnsupportedType:
		f.add("unsupported")
	case bool:
		f.out = strconv.AppendBool(f.out, v)
	case string:
		f.text(v)
	case Date:
		f.date(v)
	case *XML:
		f.add("XML ")
		f.text(v.Text)
	case *ByteArray:
		f.add(fmt.Sprintf("ByteArray(%d bytes)", len(v.Bytes)))
	default:
		f.container(v, depth+1)
	}
}

func (f *formatter) container(v Value, depth int) {
	switch v := v.(type) {
	case *Object:
		f.object(v, depth)
	case *Array:
		f.array(v, depth)
	case *VectorInt:
		f.list("Vector.<int>", len(v.Items), func(i int) { f.number(float64(v.Items[i])) })
	case *VectorUint:
		f.list("Vector.<uint>", len(v.Items), func(i int) { f.number(float64(v.Items[i])) })
	case *VectorDouble:
		f.list("Vector.<Number>", len(v.Items), func(i int) { f.number(v.Items[i]) })
	case *VectorObject:
		f.list("Vector.<"+f.cut(v.Class)+">", len(v.Items), func(i int) { f.value(v.Items[i], depth) })
	case *Dictionary:
		f.list("Dictionary", len(v.Entries), func(i int) {
			f.value(v.Entries[i].Key, depth)
			f.add(": ")
			f.value(v.Entries[i].Value, depth)
		})
	default:
		f.add(fmt.Sprintf("%T", v))
	}
}

func (f *formatter) object(o *Object, depth int) {
	if o.Class != "" {
		f.name(o.Class)
	}
	f.add("{")
	switch content := o.Externalizable.(type) {
	case nil:
		f.pairs(&o.Properties, depth, "")
	case *Wrapped:
		if content != nil {
			f.value(content.Value, depth)
		}
	default:
		f.add(fmt.Sprintf("%T", content))
	}
	f.add("}")
}

func (f *formatter) array(a *Array, depth int) {
	f.add("[")
	separator := ""
	for _, v := range a.Dense {
		f.add(separator)
		separator = ", "
		if f.full() {
			f.add("…")
			break
		}
		f.value(v, depth)
	}
	f.pairs(&a.Properties, depth, separator)
	f.add("]")
}

func (f *formatter) pairs(p *Properties, depth int, separator string) {
	for name, v := range p.All() {
		f.add(separator)
		separator = ", "
		if f.full() {
			f.add("…")
			return
		}
		f.name(name)
		f.add(": ")
		f.value(v, depth)
	}
}

func (f *formatter) list(kind string, n int, item func(int)) {
	f.add(kind + "[")
	for i := range n {
		if i > 0 {
			f.add(", ")
		}
		if f.full() {
			f.add("…")
			break
		}
		item(i)
	}
	f.add("]")
}

func (f *formatter) number(n float64) {
	format := byte('f')
	if a := math.Abs(n); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	f.out = strconv.AppendFloat(f.out, n, format, -1, 64)
}

func (f *formatter) date(d Date) {
	f.add("Date(")
	// Years of four digits; ECMAScript allows for more.
	if d.Milliseconds > -62e12 && d.Milliseconds < 253e12 {
		t := time.UnixMilli(int64(d.Milliseconds)).UTC()
		f.out = t.AppendFormat(f.out, "2006-01-02T15:04:05.000Z")
	} else {
		f.number(d.Milliseconds)
	}
	f.add(")")
}

func (f *formatter) text(s string) {
	f.out = strconv.AppendQuote(f.out, f.cut(s))
	if len(s) > formatString {
		f.add("…")
	}
}

// name writes a name bare where a script could, quoted otherwise.
func (f *formatter) name(s string) {
	for i := range len(s) {
		c := s[i]
		word := c == '_' || c == '.' || c == '$' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !word {
			f.text(s)
			return
		}
	}
	if s == "" || len(s) > formatString {
		f.text(s)
		return
	}
	f.add(s)
}

func (f *formatter) cut(s string) string {
	return s[:min(len(s), formatString)]
}
