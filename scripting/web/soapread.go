package web

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dop251/goja"

	"afterglow/scripting/web/wsdl"
	"afterglow/scripting/web/xmldoc"
)

// soapReader makes values of one answer.
type soapReader struct {
	vm     *goja.Runtime
	body   *xmldoc.Node
	byID   map[string]*xmldoc.Node // what rpc/encoded messages refer to; nil until needed
	values int                     // how many have been made: references must not multiply
}

// soapFault is what a service answers with instead of a result.
type soapFault struct {
	code, text, actor string
	detail            *xmldoc.Node
}

// maxValues is how many values one answer may have.
const maxValues = 1 << 18

// openEnvelope finds the body of an answer, nil if it is no SOAP message.
func openEnvelope(text string) *xmldoc.Node {
	d := xmldoc.Parse(text, xmldoc.Options{IgnoreWhite: false})
	root := d.Root()
	if d.Status != xmldoc.OK || root == nil || root.LocalName() != "Envelope" {
		return nil
	}
	return root.Element("Body")
}

// faultOf returns the fault that a body has, nil if it has none.
func faultOf(body *xmldoc.Node) *soapFault {
	n := body.Element("Fault")
	if n == nil {
		return nil
	}
	inner := func(name string) string {
		if e := n.Element(name); e != nil {
			return e.Inner()
		}
		return ""
	}
	return &soapFault{code: inner("faultcode"), text: inner("faultstring"), actor: inner("faultactor"), detail: n.Element("detail")}
}

// result returns what a call returns: the value of the only field, or an object of several.
func (r *soapReader) result(m wsdl.Message) goja.Value {
	elements := r.body.Elements("")
	if len(elements) == 0 {
		return goja.Undefined()
	}
	answer := elements[0]
	switch {
	case m.Bare && len(m.Fields) == 1:
		return r.value(answer, m.Fields[0].Type, 0)
	case len(m.Fields) == 1:
		return r.only(answer, m.Fields[0])
	case len(m.Fields) == 0:
		return goja.Undefined()
	}
	return r.structure(answer, &wsdl.Type{Fields: m.Fields}, 0)
}

// only returns the value of the only field of an answer, whatever the service calls it.
func (r *soapReader) only(answer *xmldoc.Node, f *wsdl.Field) goja.Value {
	if f.Many {
		return r.list(answer.Elements(f.Name), f.Type, 0)
	}
	e := answer.Element(f.Name)
	if e == nil {
		if all := answer.Elements(""); len(all) > 0 {
			e = all[0]
		}
	}
	if e == nil {
		return goja.Undefined()
	}
	return r.value(e, f.Type, 0)
}

func (r *soapReader) value(e *xmldoc.Node, t *wsdl.Type, depth int) goja.Value {
	if r.values++; depth > deepestValue || r.values > maxValues {
		return goja.Undefined()
	}
	if target := r.referred(e); target != nil {
		return r.value(target, t, depth+1)
	}
	if isNil := attrOf(e, "nil"); isNil == "true" || isNil == "1" {
		return goja.Null()
	}
	if t.Kind == wsdl.Any {
		return r.guess(e, depth)
	}
	switch t.Kind {
	case wsdl.Struct:
		return r.structure(e, t, depth)
	case wsdl.Array:
		return r.list(e.Elements(""), t.Item.Type, depth)
	}
	return r.simple(t.Kind, e.Inner())
}

// attrOf returns an attribute of XML Schema's instances by its local name.
func attrOf(e *xmldoc.Node, local string) string {
	for _, a := range e.Attrs {
		prefix, name := xmldoc.SplitName(a.Name)
		if prefix == "" || name != local {
			continue
		}
		if space, _ := e.Namespace(prefix); strings.HasSuffix(space, "/XMLSchema-instance") {
			return a.Value
		}
	}
	return ""
}

// referred follows the href of rpc/encoded messages.
func (r *soapReader) referred(e *xmldoc.Node) *xmldoc.Node {
	id, ok := strings.CutPrefix(e.Attr("href"), "#")
	if !ok {
		return nil
	}
	if r.byID == nil {
		r.byID = make(map[string]*xmldoc.Node)
		for _, n := range r.body.Elements("") {
			if id := n.Attr("id"); id != "" {
				r.byID[id] = n
			}
		}
	}
	return r.byID[id]
}

// guess reads a value whose type the description leaves open: by what the value says of itself, and how it looks.
func (r *soapReader) guess(e *xmldoc.Node, depth int) goja.Value {
	_, kind := xmldoc.SplitName(attrOf(e, "type"))
	children := e.Elements("")
	switch {
	case kind == "Array" || isArray(e):
		return r.list(children, &wsdl.Type{}, depth)
	case len(children) > 0:
		return r.structure(e, &wsdl.Type{}, depth)
	}
	if known := wsdl.KindOf(kind); known != wsdl.Any {
		return r.simple(known, e.Inner())
	}
	return r.vm.ToValue(e.Inner())
}

// isArray says whether an element says how many elements it has (SOAP 1.1, 5.4.2).
func isArray(e *xmldoc.Node) bool {
	return slices.ContainsFunc(e.Attrs, func(a xmldoc.Attr) bool {
		prefix, local := xmldoc.SplitName(a.Name)
		return prefix != "" && local == "arrayType"
	})
}

// structure makes an object. Children that no field speaks of are in it too; several of one name are an array.
func (r *soapReader) structure(e *xmldoc.Node, t *wsdl.Type, depth int) goja.Value {
	if target := r.referred(e); target != nil && depth <= deepestValue {
		return r.structure(target, t, depth+1)
	}
	fields := make(map[string]*wsdl.Field, len(t.Fields))
	for _, f := range t.Fields {
		fields[f.Name] = f
	}
	var names []string
	byName := make(map[string][]*xmldoc.Node)
	for _, c := range e.Elements("") {
		name := c.LocalName()
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], c)
	}
	o := r.vm.NewObject()
	for _, name := range names {
		f := fields[name]
		if f == nil {
			f = &wsdl.Field{Type: &wsdl.Type{}, Many: len(byName[name]) > 1}
		}
		v := goja.Value(nil)
		if f.Many {
			v = r.list(byName[name], f.Type, depth)
		} else {
			v = r.value(byName[name][0], f.Type, depth+1)
		}
		_ = o.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE)
	}
	return o
}

func (r *soapReader) list(elements []*xmldoc.Node, t *wsdl.Type, depth int) goja.Value {
	items := make([]any, len(elements))
	for i, e := range elements {
		items[i] = r.value(e, t, depth+1)
	}
	return r.vm.NewArray(items...)
}

// simple reads a value that is no structure. base64 stays as it is.
func (r *soapReader) simple(kind wsdl.Kind, text string) goja.Value {
	trimmed := strings.TrimSpace(text)
	switch kind {
	case wsdl.Boolean:
		return r.vm.ToValue(trimmed == "true" || trimmed == "1")
	case wsdl.Number:
		switch trimmed {
		case "INF":
			return r.vm.ToValue(math.Inf(1))
		case "-INF":
			return r.vm.ToValue(math.Inf(-1))
		}
		f, err := strconv.ParseFloat(trimmed, 64)
		if err != nil && !math.IsInf(f, 0) {
			f = math.NaN()
		}
		return r.vm.ToValue(f)
	case wsdl.Date:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02Z07:00", "2006-01-02"} {
			if at, err := time.Parse(layout, trimmed); err == nil {
				if date, err := r.vm.New(r.vm.Get("Date"), r.vm.ToValue(float64(at.UnixMilli()))); err == nil {
					return date
				}
			}
		}
	}
	return r.vm.ToValue(text)
}
