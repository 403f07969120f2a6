package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"afterglow/amf"
)

// The names that stand for what JSON has no word for. An object's own property that begins with $ is written with a second one.
const (
	jsonUndefined  = "$undefined"  // true
	jsonNumber     = "$number"     // "NaN", "Infinity" or "-Infinity"
	jsonDate       = "$date"       // ISO 8601 in UTC, or milliseconds since 1970
	jsonBytes      = "$bytes"      // base64
	jsonXML        = "$xml"        // text
	jsonClass      = "$class"      // of a typed object, beside its properties
	jsonContent    = "$content"    // of an object that serializes itself, beside its class
	jsonArray      = "$array"      // the elements of an array that has named ones too
	jsonVector     = "$vector"     // the type of a vector's elements, beside $array
	jsonDictionary = "$dictionary" // pairs of key and value
	jsonReference  = "$ref"        // where the same object stood already
)

// parseValues reads the arguments of a call.
func parseValues(texts []string) ([]amf.Value, error) {
	values := make([]amf.Value, len(texts))
	for n, text := range texts {
		v, err := parseValue(text)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", n+1, err)
		}
		values[n] = v
	}
	return values, nil
}

// parseValue reads a value as the command line has it: JSON, or else a word that is a string as it stands. What begins like JSON's
// objects, arrays and strings is meant to be JSON.
func parseValue(text string) (amf.Value, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := readJSON(d)
	if err == nil {
		if _, more := d.Token(); more == io.EOF {
			return v, nil
		}
		err = errors.New("something follows the value")
	}
	var form formError
	if errors.As(err, &form) || text != "" && strings.ContainsRune(`{["`, rune(text[0])) {
		return nil, fmt.Errorf("%s is no JSON value: %w; as a string it is '%s'", text, err, quoteJSON(text))
	}
	return text, nil
}

func quoteJSON(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text)
	return strings.TrimSpace(b.String())
}

// formError is a $ form that is not written as it has to be.
type formError string

func (e formError) Error() string { return string(e) }

// readJSON reads a value, whose properties keep their order.
func readJSON(d *json.Decoder) (amf.Value, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Number:
		return t.Float64()
	case json.Delim:
		if t == '[' {
			return readJSONArray(d)
		}
		return readJSONObject(d)
	}
	return token, nil // a string, a bool or nil
}

func readJSONArray(d *json.Decoder) (amf.Value, error) {
	a := amf.NewArray()
	for d.More() {
		v, err := readJSON(d)
		if err != nil {
			return nil, err
		}
		a.Dense = append(a.Dense, v)
	}
	_, err := d.Token()
	return a, err
}

func readJSONObject(d *json.Decoder) (amf.Value, error) {
	o, forms := amf.NewObject(), amf.NewObject()
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := readJSON(d)
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		switch rest, dollar := strings.CutPrefix(name, "$"); {
		case !dollar:
			o.Set(name, v)
		case strings.HasPrefix(rest, "$"):
			o.Set(rest, v)
		default:
			forms.Set(name, v)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if forms.Len() == 0 {
		return o, nil
	}
	return readForm(o, forms)
}

// readForm makes the value that $ names stand for.
func readForm(o, forms *amf.Object) (amf.Value, error) {
	has := func(name string) bool { _, ok := forms.Get(name); return ok }
	switch {
	case has(jsonUndefined):
		return amf.Undefined, nil
	case has(jsonNumber):
		switch forms.String(jsonNumber) {
		case "NaN":
			return math.NaN(), nil
		case "Infinity":
			return math.Inf(1), nil
		case "-Infinity":
			return math.Inf(-1), nil
		}
		return nil, formError(jsonNumber + ` is "NaN", "Infinity" or "-Infinity"`)
	case has(jsonDate):
		return readDate(forms)
	case has(jsonBytes):
		b, err := base64.StdEncoding.DecodeString(forms.String(jsonBytes))
		if err != nil {
			return nil, formError(jsonBytes + " is base64: " + err.Error())
		}
		return &amf.ByteArray{Bytes: b}, nil
	case has(jsonXML):
		return &amf.XML{Text: forms.String(jsonXML)}, nil
	case has(jsonClass):
		o.Class = forms.String(jsonClass)
		if content, ok := forms.Get(jsonContent); ok {
			o.Externalizable = &amf.Wrapped{Value: content}
		}
		return o, nil
	case has(jsonArray) && !has(jsonVector):
		v, _ := forms.Get(jsonArray)
		a, ok := v.(*amf.Array)
		if !ok {
			return nil, formError(jsonArray + " is an array")
		}
		for name, v := range o.All() {
			a.Set(name, v)
		}
		a.ECMA = true
		return a, nil
	}
	for name := range forms.All() {
		return nil, formError(fmt.Sprintf("%s cannot be sent from here; a property of that name is written $%s", name, name))
	}
	return o, nil
}

func readDate(forms *amf.Object) (amf.Value, error) {
	v, _ := forms.Get(jsonDate)
	if ms, ok := v.(float64); ok {
		return amf.Date{Milliseconds: ms}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02"} {
		if t, err := time.Parse(layout, forms.String(jsonDate)); err == nil {
			return amf.Date{Milliseconds: float64(t.UnixMilli())}, nil
		}
	}
	return nil, formError(jsonDate + ` is a time such as "2006-01-02T15:04:05Z", or milliseconds since 1970`)
}

// toJSON returns a value as JSON, in one line.
func toJSON(v amf.Value) string {
	w := jsonWriter{seen: make(map[any]string)}
	w.value(v, "$")
	return w.out.String()
}

// jsonWriter writes values. Each object is written once: values may have cycles, and share parts so often that written out they would
// have no end.
type jsonWriter struct {
	out  strings.Builder
	seen map[any]string // objects that were written, and where
}

func (w *jsonWriter) text(s string) { w.out.WriteString(quoteJSON(strings.ToValidUTF8(s, "\ufffd"))) }

// form writes an object with one $ name.
func (w *jsonWriter) form(name, text string) {
	w.out.WriteString(`{"` + name + `":`)
	w.text(text)
	w.out.WriteString("}")
}

func (w *jsonWriter) value(v amf.Value, at string) {
	switch v := v.(type) {
	case nil:
		w.out.WriteString("null")
	case amf.UndefinedType, amf.UnsupportedType:
		w.out.WriteString(`{"` + jsonUndefined + `":true}`)
	case bool:
		fmt.Fprint(&w.out, v)
	case string:
		w.text(v)
	case float64:
		w.number(v)
	case amf.Date:
		w.date(v)
	default:
		w.once(v, at)
	}
}

func (w *jsonWriter) number(n float64) {
	b, err := json.Marshal(n)
	if err != nil {
		w.form(jsonNumber, strings.Replace(strings.TrimPrefix(fmt.Sprint(n), "+"), "Inf", "Infinity", 1))
		return
	}
	w.out.Write(b)
}

func (w *jsonWriter) date(d amf.Date) {
	if ms := d.Milliseconds; ms == math.Trunc(ms) && ms > -62e12 && ms < 253e12 { // years of four digits
		w.form(jsonDate, time.UnixMilli(int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z"))
		return
	}
	w.out.WriteString(`{"` + jsonDate + `":`)
	w.number(d.Milliseconds)
	w.out.WriteString("}")
}

// once writes what has an identity, or where it is written already.
func (w *jsonWriter) once(v amf.Value, at string) {
	if where, ok := w.seen[v]; ok {
		w.form(jsonReference, where)
		return
	}
	w.seen[v] = at
	switch v := v.(type) {
	case *amf.Object:
		w.object(v, at)
	case *amf.Array:
		w.array(v, at)
	case *amf.ByteArray:
		w.form(jsonBytes, base64.StdEncoding.EncodeToString(v.Bytes))
	case *amf.XML:
		w.form(jsonXML, v.Text)
	case *amf.VectorInt:
		w.vector("int", len(v.Items), func(n int) { w.number(float64(v.Items[n])) })
	case *amf.VectorUint:
		w.vector("uint", len(v.Items), func(n int) { w.number(float64(v.Items[n])) })
	case *amf.VectorDouble:
		w.vector("Number", len(v.Items), func(n int) { w.number(v.Items[n]) })
	case *amf.VectorObject:
		w.vector(v.Class, len(v.Items), func(n int) { w.value(v.Items[n], fmt.Sprintf("%s[%d]", at, n)) })
	case *amf.Dictionary:
		w.dictionary(v, at)
	default:
		w.text(fmt.Sprintf("%T", v))
	}
}

func (w *jsonWriter) object(o *amf.Object, at string) {
	w.out.WriteString("{")
	comma := ""
	if o.Class != "" {
		w.out.WriteString(`"` + jsonClass + `":`)
		w.text(o.Class)
		comma = ","
	}
	if wrapped, ok := o.Externalizable.(*amf.Wrapped); ok && wrapped != nil {
		w.out.WriteString(comma + `"` + jsonContent + `":`)
		w.value(wrapped.Value, at)
		comma = ","
	}
	w.properties(&o.Properties, comma, at)
	w.out.WriteString("}")
}

func (w *jsonWriter) properties(p *amf.Properties, comma, at string) {
	for name, v := range p.All() {
		w.out.WriteString(comma)
		comma = ","
		if strings.HasPrefix(name, "$") {
			w.text("$" + name)
		} else {
			w.text(name)
		}
		w.out.WriteString(":")
		w.value(v, at+"."+name)
	}
}

func (w *jsonWriter) array(a *amf.Array, at string) {
	if a.Properties.Len() > 0 {
		w.out.WriteString(`{"` + jsonArray + `":`)
	}
	w.list(len(a.Dense), func(n int) { w.value(a.Dense[n], fmt.Sprintf("%s[%d]", at, n)) })
	if a.Properties.Len() > 0 {
		w.properties(&a.Properties, ",", at)
		w.out.WriteString("}")
	}
}

func (w *jsonWriter) list(n int, item func(int)) {
	w.out.WriteString("[")
	for i := range n {
		if i > 0 {
			w.out.WriteString(",")
		}
		item(i)
	}
	w.out.WriteString("]")
}

func (w *jsonWriter) vector(of string, n int, item func(int)) {
	w.out.WriteString(`{"` + jsonVector + `":`)
	w.text(of)
	w.out.WriteString(`,"` + jsonArray + `":`)
	w.list(n, item)
	w.out.WriteString("}")
}

func (w *jsonWriter) dictionary(d *amf.Dictionary, at string) {
	w.out.WriteString(`{"` + jsonDictionary + `":`)
	w.list(len(d.Entries), func(n int) {
		w.out.WriteString("[")
		w.value(d.Entries[n].Key, fmt.Sprintf("%s.key%d", at, n))
		w.out.WriteString(",")
		w.value(d.Entries[n].Value, fmt.Sprintf("%s.value%d", at, n))
		w.out.WriteString("]")
	})
	w.out.WriteString("}")
}
