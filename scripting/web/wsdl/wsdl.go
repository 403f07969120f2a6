// Package wsdl reads descriptions of web services, WSDL 1.1 with SOAP 1.1 bindings, as far as the class WebService needs
// them (server-side-api 2.12): document/literal and rpc/encoded, and the simple half of XML Schema. It fetches nothing;
// what another document describes is unknown.
package wsdl

import (
	"errors"
	"fmt"

	"afterglow/scripting/web/xmldoc"
)

// Service is what a description says of the first port that speaks SOAP 1.1.
type Service struct {
	Name string
	// Endpoint is the URL to call.
	Endpoint   string
	Operations map[string]*Operation
}

// Operation is a method of a service.
type Operation struct {
	Name string
	// Action is the SOAPAction.
	Action string
	// Encoded says that values carry their types (rpc/encoded).
	Encoded       bool
	Input, Output Message
}

// Message is what goes one way.
type Message struct {
	// Name and Namespace are those of the element around the fields, or of the single field if it is bare.
	Name, Namespace string
	// Bare says that the element is itself the value, Fields[0].
	Bare   bool
	Fields []*Field
}

// Field is an element that has a value.
type Field struct {
	Name, Namespace string
	Type            *Type
	// Many says that there may be several; Optional that there may be none.
	Many, Optional bool
}

// Kind is how a value is written.
type Kind uint8

// The kinds of values.
const (
	Any Kind = iota // as the value is
	String
	Number
	Boolean
	Date
	Struct
	Array
)

// Type is a type of a schema.
type Type struct {
	Kind Kind
	// Name and Namespace are what xsi:type says; "" for types without a name.
	Name, Namespace string
	// Fields are those of a Struct.
	Fields []*Field
	// Item is the element of an Array.
	Item *Field
	// Encoded says that an Array is one of SOAP's own.
	Encoded bool
}

// Namespaces that descriptions and messages name.
const (
	Schema     = "http://www.w3.org/2001/XMLSchema"
	Instance   = "http://www.w3.org/2001/XMLSchema-instance"
	Envelope   = "http://schemas.xmlsoap.org/soap/envelope/"
	Encoding   = "http://schemas.xmlsoap.org/soap/encoding/"
	soap       = "http://schemas.xmlsoap.org/wsdl/soap/"
	maxDepth   = 100
	maxRecords = 10000 // operations, types and fields
)

// Errors that Parse returns or wraps.
var (
	ErrMalformed = errors.New("the service description is malformed")
	ErrNoPort    = errors.New("the service has no port that speaks SOAP 1.1")
	ErrTooLarge  = errors.New("the service description is too large")
)

// qname is a name in a namespace.
type qname struct{ space, local string }

// resolve reads a qualified name that stands in an attribute of a node.
func resolve(n *xmldoc.Node, text string) qname {
	prefix, local := xmldoc.SplitName(text)
	space, _ := n.Namespace(prefix)
	return qname{space, local}
}

// Parse reads a description.
func Parse(text string) (*Service, error) {
	d := xmldoc.Parse(text, xmldoc.Options{IgnoreWhite: true, Limits: xmldoc.Limits{Depth: maxDepth}})
	root := d.Root()
	switch {
	case d.Status == xmldoc.OutOfMemory:
		return nil, ErrTooLarge
	case d.Status != xmldoc.OK:
		return nil, fmt.Errorf("%w: XML status %d", ErrMalformed, d.Status)
	case root == nil || root.LocalName() != "definitions":
		return nil, fmt.Errorf("%w: it has no definitions", ErrMalformed)
	}
	r := reader{root: root, schemas: newSchemas(root)}
	for _, service := range root.Elements("service") {
		for _, port := range service.Elements("port") {
			address, binding := port.Element("address"), r.named("binding", port.Attr("binding"))
			if address == nil || binding == nil || !isSOAP(address) {
				continue
			}
			s := &Service{Name: service.Attr("name"), Endpoint: address.Attr("location")}
			return s, r.operations(s, binding)
		}
	}
	return nil, ErrNoPort
}

func isSOAP(n *xmldoc.Node) bool {
	space, _ := n.Namespace(n.Prefix())
	return space == soap
}

// soapChild returns the child of SOAP's namespace with a name, or an element without attributes.
func soapChild(n *xmldoc.Node, name string) *xmldoc.Node {
	if n != nil {
		for _, c := range n.Elements(name) {
			if isSOAP(c) {
				return c
			}
		}
	}
	return xmldoc.NewElement(name)
}

type reader struct {
	root    *xmldoc.Node
	schemas *schemas
}

// named returns what definitions has by a name; all of it is in one namespace.
func (r *reader) named(kind, name string) *xmldoc.Node { return named(r.root, kind, name) }

func named(in *xmldoc.Node, kind, name string) *xmldoc.Node {
	_, local := xmldoc.SplitName(name)
	if in == nil || local == "" {
		return nil
	}
	for _, n := range in.Elements(kind) {
		if n.Attr("name") == local {
			return n
		}
	}
	return nil
}

func (r *reader) operations(s *Service, binding *xmldoc.Node) error {
	s.Operations = make(map[string]*Operation)
	portType := r.named("portType", binding.Attr("type"))
	style := soapChild(binding, "binding").Attr("style")
	for _, bound := range binding.Elements("operation") {
		name := bound.Attr("name")
		abstract := named(portType, "operation", name)
		if abstract == nil || s.Operations[name] != nil {
			continue // overloaded methods have no place in a script
		}
		details := soapChild(bound, "operation")
		how := style
		if own := details.Attr("style"); own != "" {
			how = own
		}
		op := &Operation{Name: name, Action: details.Attr("soapAction")}
		body := soapChild(bound.Element("input"), "body")
		op.Encoded = body.Attr("use") == "encoded"
		op.Input = r.message(abstract.Element("input"), body, name, how == "rpc")
		op.Output = r.message(abstract.Element("output"), soapChild(bound.Element("output"), "body"), name+"Response", how == "rpc")
		s.Operations[name] = op
		if r.schemas.full() || len(s.Operations) > maxRecords {
			return ErrTooLarge
		}
	}
	return nil
}

// message reads the message that an input or output names.
func (r *reader) message(direction, body *xmldoc.Node, wrapper string, rpc bool) Message {
	if direction == nil {
		return Message{}
	}
	m := r.named("message", direction.Attr("message"))
	if m == nil {
		return Message{}
	}
	parts := m.Elements("part")
	if !rpc && len(parts) == 1 && parts[0].Attr("element") != "" {
		return r.document(parts[0])
	}
	out := Message{Name: wrapper, Namespace: body.Attr("namespace")}
	if !rpc {
		out.Namespace = r.root.Attr("targetNamespace")
	}
	for _, p := range parts {
		f := &Field{Name: p.Attr("name"), Type: r.schemas.typeOf(p, p.Attr("type"))}
		if e := p.Attr("element"); e != "" {
			f = r.schemas.element(resolve(p, e))
		}
		out.Fields = append(out.Fields, f)
	}
	return out
}

// document reads the element of a document/literal message: the fields are within it if it is a structure.
func (r *reader) document(part *xmldoc.Node) Message {
	f := r.schemas.element(resolve(part, part.Attr("element")))
	m := Message{Name: f.Name, Namespace: f.Namespace, Bare: true, Fields: []*Field{f}}
	switch {
	case f.Type.Kind == Struct:
		m.Bare, m.Fields = false, f.Type.Fields
	case f.Type.Kind == Array && !f.Type.Encoded:
		m.Bare, m.Fields = false, []*Field{f.Type.Item}
	}
	return m
}
