package web

import (
	"errors"
	"math"
	"time"

	"github.com/dop251/goja"

	"afterglow/scripting/web/wsdl"
	"afterglow/scripting/web/xmldoc"
)

// deepestValue is how deep the values of a SOAP message may nest. Objects that contain themselves end there.
const deepestValue = 64

var (
	errTooDeep = errors.New("a parameter nests too deeply")
	errTooBig  = errors.New("the parameters have too many values")
)

// soapWriter writes one request.
type soapWriter struct {
	vm       *goja.Runtime
	envelope *xmldoc.Node
	encoded  bool
	values   int               // how many have been written
	prefixes map[string]string // of namespaces
}

// writeRequest returns the text of a call.
func writeRequest(vm *goja.Runtime, op *wsdl.Operation, args []goja.Value) (string, error) {
	w := soapWriter{vm: vm, encoded: op.Encoded, prefixes: make(map[string]string)}
	w.envelope = xmldoc.NewElement("SOAP-ENV:Envelope")
	w.declare("SOAP-ENV", wsdl.Envelope)
	w.declare("xsd", wsdl.Schema)
	w.declare("xsi", wsdl.Instance)
	if w.encoded {
		w.declare("SOAP-ENC", wsdl.Encoding)
	}
	body := xmldoc.NewElement("SOAP-ENV:Body")
	w.envelope.Append(body)
	if err := w.message(body, op.Input, w.arguments(op.Input, args)); err != nil {
		return "", err
	}
	return `<?xml version="1.0" encoding="utf-8"?>` + w.envelope.String(), nil
}

func (w *soapWriter) declare(prefix, space string) {
	w.prefixes[space] = prefix
	w.envelope.SetAttr("xmlns:"+prefix, space)
}

// name returns a name with the prefix of its namespace.
func (w *soapWriter) name(space, local string) string {
	if space == "" {
		return local
	}
	if w.prefixes[space] == "" {
		w.declare("ns"+itoa(len(w.prefixes)), space)
	}
	return w.prefixes[space] + ":" + local
}

// arguments gives each field its argument: in order, or by name when a single object has all of several.
func (w *soapWriter) arguments(m wsdl.Message, args []goja.Value) []goja.Value {
	values := make([]goja.Value, len(m.Fields))
	copy(values, args)
	if len(args) != 1 || len(m.Fields) < 2 {
		return values
	}
	o, ok := args[0].(*goja.Object)
	if !ok {
		return values
	}
	named := make([]goja.Value, len(m.Fields))
	for i, f := range m.Fields {
		if named[i] = o.Get(f.Name); named[i] == nil && !f.Optional {
			return values
		}
	}
	return named
}

func (w *soapWriter) message(body *xmldoc.Node, m wsdl.Message, values []goja.Value) error {
	into := body
	if !m.Bare {
		into = xmldoc.NewElement(w.name(m.Namespace, m.Name))
		if w.encoded {
			into.SetAttr("SOAP-ENV:encodingStyle", wsdl.Encoding)
		}
		body.Append(into)
	}
	for i, f := range m.Fields {
		if err := w.field(into, f, values[i], 0); err != nil {
			return err
		}
	}
	return nil
}

// field writes a value as often as it is there.
func (w *soapWriter) field(into *xmldoc.Node, f *wsdl.Field, v goja.Value, depth int) error {
	if !f.Many {
		return w.element(into, f, v, depth)
	}
	items, ok := elementsOf(v)
	if !ok {
		items = []goja.Value{v}
	}
	for _, item := range items {
		if err := w.element(into, f, item, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *soapWriter) element(into *xmldoc.Node, f *wsdl.Field, v goja.Value, depth int) error {
	if depth > deepestValue {
		return errTooDeep
	}
	if w.values++; w.values > maxValues {
		return errTooBig
	}
	missing := v == nil || goja.IsUndefined(v)
	if (missing || goja.IsNull(v)) && f.Optional {
		return nil
	}
	e := xmldoc.NewElement(w.name(f.Namespace, f.Name))
	into.Append(e)
	if missing || goja.IsNull(v) {
		e.SetAttr("xsi:nil", "true")
		return nil
	}
	t := f.Type
	if t.Kind == wsdl.Any {
		t = w.guess(v)
	}
	w.describe(e, t, f.Type.Kind == wsdl.Any)
	switch t.Kind {
	case wsdl.Struct:
		return w.structure(e, t, v, depth)
	case wsdl.Array:
		return w.array(e, t, v, depth)
	}
	e.Append(xmldoc.NewText(w.simple(t, v)))
	return nil
}

// describe names the type of a value where the far end cannot know it, or wants to be told.
func (w *soapWriter) describe(e *xmldoc.Node, t *wsdl.Type, guessed bool) {
	switch {
	case t.Kind == wsdl.Array && t.Encoded && w.encoded:
		e.SetAttr("xsi:type", "SOAP-ENC:Array")
	case (w.encoded || guessed) && t.Name != "":
		e.SetAttr("xsi:type", w.name(t.Namespace, t.Name))
	}
}

// guess finds the type of a value that a description leaves open.
func (w *soapWriter) guess(v goja.Value) *wsdl.Type {
	named := func(kind wsdl.Kind, name string) *wsdl.Type {
		return &wsdl.Type{Kind: kind, Name: name, Namespace: wsdl.Schema}
	}
	o, ok := v.(*goja.Object)
	if !ok {
		switch v.Export().(type) {
		case int64, float64:
			return named(wsdl.Number, "double")
		case bool:
			return named(wsdl.Boolean, "boolean")
		}
		return named(wsdl.String, "string")
	}
	switch o.ClassName() {
	case "Date":
		return named(wsdl.Date, "dateTime")
	case "Array":
		return &wsdl.Type{Kind: wsdl.Array, Encoded: w.encoded, Item: &wsdl.Field{Name: "item", Type: &wsdl.Type{}}}
	case "String", "Number", "Boolean":
		return named(wsdl.String, "string")
	}
	t := &wsdl.Type{Kind: wsdl.Struct}
	for _, key := range o.Keys() {
		if _, isFunction := goja.AssertFunction(o.Get(key)); !isFunction {
			t.Fields = append(t.Fields, &wsdl.Field{Name: key, Type: &wsdl.Type{}})
		}
	}
	return t
}

func (w *soapWriter) structure(e *xmldoc.Node, t *wsdl.Type, v goja.Value, depth int) error {
	o, ok := v.(*goja.Object)
	if !ok {
		e.Append(xmldoc.NewText(v.String()))
		return nil
	}
	for _, f := range t.Fields {
		if err := w.field(e, f, o.Get(f.Name), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *soapWriter) array(e *xmldoc.Node, t *wsdl.Type, v goja.Value, depth int) error {
	items, ok := elementsOf(v)
	if !ok {
		items = []goja.Value{v}
	}
	if t.Encoded && w.encoded {
		item := "xsd:anyType"
		if t.Item.Type.Name != "" {
			item = w.name(t.Item.Type.Namespace, t.Item.Type.Name)
		}
		e.SetAttr("SOAP-ENC:arrayType", item+"["+itoa(len(items))+"]")
	}
	for _, item := range items {
		if err := w.element(e, t.Item, item, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// elementsOf returns the elements of an array.
func elementsOf(v goja.Value) ([]goja.Value, bool) {
	o, ok := v.(*goja.Object)
	if !ok || o.ClassName() != "Array" {
		return nil, false
	}
	const most = 1 << 20
	n := int(min(o.Get("length").ToInteger(), most))
	var items []goja.Value
	for i := range n {
		items = append(items, o.Get(itoa(i)))
	}
	return items, true
}

// simple writes a value that is no structure.
func (w *soapWriter) simple(t *wsdl.Type, v goja.Value) string {
	switch t.Kind {
	case wsdl.Boolean:
		if v.ToBoolean() {
			return "true"
		}
		return "false"
	case wsdl.Date:
		if date, ok := v.Export().(time.Time); ok {
			return date.UTC().Format("2006-01-02T15:04:05.000Z")
		}
	case wsdl.Number:
		if f := v.ToFloat(); math.IsInf(f, 0) {
			return map[bool]string{true: "INF", false: "-INF"}[f > 0]
		}
	}
	return v.String()
}
