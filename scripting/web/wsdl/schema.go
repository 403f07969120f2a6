package wsdl

import (
	"strings"

	"afterglow/scripting/web/xmldoc"
)

// schemas knows the types that a description has. A type that refers to itself is read once.
type schemas struct {
	elements map[qname]*xmldoc.Node
	types    map[qname]*xmldoc.Node
	read     map[qname]*Type
	records  int
}

func newSchemas(root *xmldoc.Node) *schemas {
	s := &schemas{elements: make(map[qname]*xmldoc.Node), types: make(map[qname]*xmldoc.Node), read: make(map[qname]*Type)}
	types := root.Element("types")
	if types == nil {
		return s
	}
	for _, schema := range types.Elements("schema") {
		space := schema.Attr("targetNamespace")
		for _, n := range schema.Elements("") {
			name := qname{space, n.Attr("name")}
			switch n.LocalName() {
			case "element":
				s.elements[name] = n
			case "complexType", "simpleType":
				s.types[name] = n
			}
		}
	}
	return s
}

// full says whether there is more than anybody needs.
func (s *schemas) full() bool { return s.records > maxRecords }

// element returns an element of a schema; one that is unknown may have any value.
func (s *schemas) element(name qname) *Field {
	f := &Field{Name: name.local, Namespace: name.space, Type: &Type{}}
	n := s.elements[name]
	s.records++
	if n == nil || s.full() {
		return f
	}
	f.Type = s.fieldType(n, 0)
	return f
}

// typeOf returns the type of a name that stands in an attribute of a node.
func (s *schemas) typeOf(n *xmldoc.Node, name string) *Type {
	return s.named(resolve(n, name), 0)
}

// deepest is how many types may lead to one another by name.
const deepest = 50

func (s *schemas) named(name qname, depth int) *Type {
	if t := s.read[name]; t != nil {
		return t
	}
	t := &Type{Name: name.local, Namespace: name.space}
	s.read[name] = t
	n := s.types[name]
	s.records++
	switch {
	case s.full() || depth > deepest:
	case n == nil:
		t.builtIn(name)
	case n.LocalName() == "simpleType":
		s.simple(n, t, depth+1)
	default:
		s.complex(n, t, depth+1)
	}
	return t
}

// builtIn takes the types of XML Schema, also those of its drafts, and SOAP's copies of them.
func (t *Type) builtIn(name qname) {
	if !strings.HasSuffix(name.space, "/XMLSchema") && name.space != Encoding {
		return
	}
	t.Kind = KindOf(name.local)
	if name.space == Encoding && name.local == "Array" {
		t.Kind, t.Encoded, t.Item = Array, true, &Field{Name: "item", Type: &Type{}}
	}
}

// KindOf returns the kind of a type of XML Schema by its local name.
func KindOf(local string) Kind {
	switch local {
	case "anyType", "ur-type", "anySimpleType", "Struct", "":
		return Any
	case "boolean":
		return Boolean
	case "dateTime", "date", "timeInstant":
		return Date
	case "int", "integer", "long", "short", "byte", "float", "double", "decimal", "nonNegativeInteger", "positiveInteger",
		"nonPositiveInteger", "negativeInteger", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte":
		return Number
	}
	return String
}

// simple reads a simple type: it is written as what it restricts.
func (s *schemas) simple(n *xmldoc.Node, t *Type, depth int) {
	t.Kind = String
	if r := n.Element("restriction"); r != nil && r.Attr("base") != "" {
		t.Kind = s.named(resolve(r, r.Attr("base")), depth).Kind
	}
}

// complex reads a complex type.
func (s *schemas) complex(n *xmldoc.Node, t *Type, depth int) {
	if c := n.Element("simpleContent"); c != nil {
		t.Kind = String
		for _, r := range c.Elements("") {
			t.Kind = s.named(resolve(r, r.Attr("base")), depth).Kind
		}
		return
	}
	t.Kind = Struct
	if c := n.Element("complexContent"); c != nil {
		s.derived(c, t, depth)
	} else {
		s.particles(n, t, depth)
	}
	if t.Kind == Struct && len(t.Fields) == 1 && t.Fields[0].Many {
		t.Kind, t.Item, t.Fields = Array, t.Fields[0], nil
	}
}

// derived reads a type that extends another, or an array of SOAP's.
func (s *schemas) derived(content *xmldoc.Node, t *Type, depth int) {
	for _, d := range content.Elements("") {
		base := resolve(d, d.Attr("base"))
		if base == (qname{Encoding, "Array"}) {
			t.Kind, t.Encoded, t.Item = Array, true, s.item(d, depth)
			return
		}
		if d.LocalName() == "extension" {
			parent := s.named(base, depth)
			t.Fields = append(t.Fields, parent.Fields...)
			if parent.Kind == Array && parent.Item != nil {
				t.Fields = append(t.Fields, parent.Item)
			}
			if s.records += len(parent.Fields); s.full() {
				return
			}
		}
		s.particles(d, t, depth)
	}
}

// item finds what an array of SOAP's is an array of.
func (s *schemas) item(restriction *xmldoc.Node, depth int) *Field {
	for _, a := range restriction.Elements("attribute") {
		for _, attr := range a.Attrs {
			if _, local := xmldoc.SplitName(attr.Name); local == "arrayType" {
				name, _, _ := strings.Cut(attr.Value, "[")
				return &Field{Name: "item", Type: s.named(resolve(a, name), depth)}
			}
		}
	}
	var inner Type
	s.particles(restriction, &inner, depth)
	if len(inner.Fields) == 1 {
		return inner.Fields[0]
	}
	return &Field{Name: "item", Type: &Type{}}
}

// particles reads the elements of a type, whatever groups they are in. Documents are not deep, so neither is this.
func (s *schemas) particles(n *xmldoc.Node, t *Type, depth int) {
	for _, c := range n.Elements("") {
		if s.full() {
			return
		}
		switch c.LocalName() {
		case "sequence", "all", "choice":
			s.particles(c, t, depth)
		case "element":
			t.Fields = append(t.Fields, s.field(c, depth))
		}
	}
}

func (s *schemas) field(n *xmldoc.Node, depth int) *Field {
	s.records++
	f := &Field{Name: n.Attr("name")}
	switch {
	case n.Attr("ref") != "":
		name := resolve(n, n.Attr("ref"))
		f.Name, f.Namespace, f.Type = name.local, name.space, &Type{}
		if target := s.elements[name]; target != nil && depth < deepest {
			f.Type = s.fieldType(target, depth+1)
		}
	default:
		f.Namespace = qualified(n)
		f.Type = s.fieldType(n, depth+1)
	}
	occurs := n.Attr("maxOccurs")
	f.Many = occurs != "" && occurs != "0" && occurs != "1"
	f.Optional = n.Attr("minOccurs") == "0"
	return f
}

func (s *schemas) fieldType(n *xmldoc.Node, depth int) *Type {
	if name := n.Attr("type"); name != "" {
		return s.named(resolve(n, name), depth)
	}
	t := &Type{}
	if depth > deepest {
		return t
	}
	if inner := n.Element("complexType"); inner != nil {
		s.complex(inner, t, depth)
	} else if inner := n.Element("simpleType"); inner != nil {
		s.simple(inner, t, depth)
	}
	return t
}

// qualified returns the namespace of a local element: that of its schema if the schema, or the element, says so.
func qualified(n *xmldoc.Node) string {
	form := n.Attr("form")
	for p := n.Parent(); p != nil; p = p.Parent() {
		if p.LocalName() != "schema" {
			continue
		}
		if form == "" {
			form = p.Attr("elementFormDefault")
		}
		if form == "qualified" {
			return p.Attr("targetNamespace")
		}
		break
	}
	return ""
}
