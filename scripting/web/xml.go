package web

import (
	"net/http"
	"strings"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
	"afterglow/scripting/web/xmldoc"
)

// xmlClass has the classes XMLNode and XML, which inherits from it.
type xmlClass struct {
	classes  *Classes
	node     *engine.Handle[*xmlNode]
	document *engine.Handle[*xmlNode]
}

// xmlDocument is what an XML has more than an XMLNode.
type xmlDocument struct {
	*xmldoc.Document
	exchange
	declaration, docType goja.Value // nil without one
}

func (c *Classes) xml() *xmlClass {
	if c.xmlMade == nil {
		x := &xmlClass{classes: c}
		x.node = x.nodeClass()
		x.document = engine.Make(c.engine, engine.Class[*xmlNode]{
			Name:       "XML",
			New:        x.newDocument,
			Methods:    onDocuments(exchangeMethods(documentMethods())),
			Properties: ofDocuments(exchangeProperties(documentProperties())),
		})
		_ = x.document.Prototype.SetPrototype(x.node.Prototype)
		// A value and no accessor, so that scripts can set it for all documents.
		c.engine.Hide(x.document.Prototype, "ignoreWhite", c.engine.VM.ToValue(false))
		c.xmlMade = x
	}
	return c.xmlMade
}

// XML makes an XML object of a text, as AMF carries it (server-side-api 1.8).
func (c *Classes) XML(text string) *goja.Object {
	x := c.xml()
	self := x.emptyDocument()
	self.object = x.document.Wrap(self)
	self.document.parse(text, self.object)
	return self.object
}

// XMLText returns the text of an XML or XMLNode object, and whether it is one.
func (c *Classes) XMLText(o *goja.Object) (string, bool) {
	if c.xmlMade == nil {
		return "", false
	}
	self, ok := c.xmlMade.node.Self(o)
	if !ok {
		return "", false
	}
	return self.text(), true
}

func (x *xmlClass) emptyDocument() *xmlNode {
	d := &xmlDocument{Document: xmldoc.NewDocument(), exchange: newExchange(x.classes)}
	self := &xmlNode{class: x, node: &d.Node, document: d}
	d.Node.Peer = self
	return self
}

func (x *xmlClass) newDocument(_ *engine.Engine, o *goja.Object, args []goja.Value) (*xmlNode, error) {
	self := x.emptyDocument()
	self.object = o
	if len(args) > 0 && !goja.IsUndefined(args[0]) && !goja.IsNull(args[0]) {
		self.document.parse(args[0].String(), o)
	}
	return self, nil
}

// parse replaces the document, as ignoreWhite of an object says.
func (d *xmlDocument) parse(text string, o *goja.Object) {
	white := o.Get("ignoreWhite")
	forgetChildren(&d.Node)
	d.Parse(text, xmldoc.Options{IgnoreWhite: white != nil && white.ToBoolean()})
	d.declaration, d.docType = nil, nil
	if d.Declaration != "" {
		d.declaration = d.classes.engine.VM.ToValue(d.Declaration)
	}
	if d.DocType != "" {
		d.docType = d.classes.engine.VM.ToValue(d.DocType)
	}
}

func documentMethods() map[string]engine.Method[*xmlNode] {
	methods := map[string]engine.Method[*xmlNode]{
		"parseXML": func(x *xmlNode, c engine.Call) goja.Value {
			x.document.parse(c.String(0), c.This)
			return nil
		},
		"createElement": func(x *xmlNode, c engine.Call) goja.Value {
			return x.class.object(xmldoc.NewElement(c.String(0)))
		},
		"createTextNode": func(x *xmlNode, c engine.Call) goja.Value {
			return x.class.object(xmldoc.NewText(c.String(0)))
		},
		"load":        (*xmlNode).load,
		"send":        (*xmlNode).send,
		"sendAndLoad": (*xmlNode).sendAndLoad,
		"onData":      (*xmlNode).onData,
	}
	return methods
}

func documentProperties() map[string]engine.Property[*xmlNode] {
	return map[string]engine.Property[*xmlNode]{
		"status": {
			Get: func(x *xmlNode, c engine.Call) goja.Value { return c.Value(int(x.document.Status)) },
			Set: func(x *xmlNode, _ engine.Call, v goja.Value) { x.document.Status = xmldoc.Status(v.ToInteger()) },
		},
		"xmlDecl": {
			Get: func(x *xmlNode, _ engine.Call) goja.Value { return x.document.declaration },
			Set: func(x *xmlNode, _ engine.Call, v goja.Value) { x.document.declaration = v },
		},
		"docTypeDecl": {
			Get: func(x *xmlNode, _ engine.Call) goja.Value { return x.document.docType },
			Set: func(x *xmlNode, _ engine.Call, v goja.Value) { x.document.docType = v },
		},
	}
}

// onDocuments lets methods be called on documents only: a script can borrow them for any node.
func onDocuments(methods map[string]engine.Method[*xmlNode]) map[string]engine.Method[*xmlNode] {
	for name, m := range methods {
		methods[name] = func(x *xmlNode, c engine.Call) goja.Value {
			if x.document == nil {
				c.Throw("XML.%s was called on a node that is no document", name)
			}
			return m(x, c)
		}
	}
	return methods
}

// ofDocuments leaves properties undefined on nodes that are no documents.
func ofDocuments(properties map[string]engine.Property[*xmlNode]) map[string]engine.Property[*xmlNode] {
	for name, p := range properties {
		properties[name] = engine.Property[*xmlNode]{
			Get: func(x *xmlNode, c engine.Call) goja.Value {
				if x.document == nil {
					return nil
				}
				return p.Get(x, c)
			},
			Set: func(x *xmlNode, c engine.Call, v goja.Value) {
				if x.document != nil {
					p.Set(x, c, v)
				}
			},
		}
	}
	return properties
}

func (x *xmlNode) exchanges() *exchange { return &x.document.exchange }

func (x *xmlNode) load(c engine.Call) goja.Value {
	if !c.Has(0) {
		return c.Value(false)
	}
	return x.document.transfer(http.MethodGet, c.String(0), "", c.This)
}

// send takes a URL, a target window, which a server has not, and a method.
func (x *xmlNode) send(c engine.Call) goja.Value {
	if !c.Has(0) {
		return c.Value(false)
	}
	method := methodNamed(c.String(2))
	return x.document.send(method, c.String(0), x.sent(method))
}

func (x *xmlNode) sendAndLoad(c engine.Call) goja.Value {
	target, ok := c.Arg(1).(*goja.Object)
	if !ok || !c.Has(0) {
		return c.Value(false)
	}
	method := methodNamed(c.String(2))
	return x.document.transfer(method, c.String(0), x.sent(method), target)
}

// sent returns the text as a method sends it: GET has it in the URL.
func (x *xmlNode) sent(method string) string {
	if method == http.MethodPost {
		return x.text()
	}
	var b strings.Builder
	escapeForm(&b, x.text())
	return b.String()
}

// onData is the handler that objects have unless scripts set another.
func (x *xmlNode) onData(c engine.Call) goja.Value {
	text, ok := x.document.finish(c)
	if ok {
		x.document.parse(text, c.This)
	}
	_, _, _ = c.CallMethod(c.This, "onLoad", c.Value(ok))
	return nil
}
