package web

import (
	"github.com/dop251/goja"

	"afterglow/scripting/engine"
	"afterglow/scripting/web/xmldoc"
)

// xmlNode is the Go side of an XMLNode or XML. It is the peer of its node, so that a node is always the same object.
type xmlNode struct {
	class      *xmlClass
	node       *xmldoc.Node
	object     *goja.Object
	document   *xmlDocument // of an XML, otherwise nil
	children   *childList   // nil until asked for
	attributes *goja.Object // nil until asked for
}

// object returns the object of a node, null for nil.
func (x *xmlClass) object(n *xmldoc.Node) goja.Value {
	if n == nil {
		return goja.Null()
	}
	if self, ok := n.Peer.(*xmlNode); ok {
		return self.object
	}
	self := &xmlNode{class: x, node: n}
	n.Peer = self
	self.object = x.node.Wrap(self)
	return self.object
}

func (x *xmlClass) nodeClass() *engine.Handle[*xmlNode] {
	return engine.Make(x.classes.engine, engine.Class[*xmlNode]{
		Name: "XMLNode",
		New: func(_ *engine.Engine, o *goja.Object, args []goja.Value) (*xmlNode, error) {
			c := engine.Call{Args: args}
			n := &xmldoc.Node{Type: xmldoc.Type(c.Number(0, 1))}
			if n.Type == xmldoc.Element {
				n.Name = c.String(1)
			} else {
				n.Value = c.String(1)
			}
			self := &xmlNode{class: x, node: n, object: o}
			n.Peer = self
			return self, nil
		},
		Methods: map[string]engine.Method[*xmlNode]{
			"appendChild":           (*xmlNode).appendChild,
			"insertBefore":          (*xmlNode).insertBefore,
			"removeNode":            (*xmlNode).removeNode,
			"cloneNode":             (*xmlNode).cloneNode,
			"hasChildNodes":         func(x *xmlNode, c engine.Call) goja.Value { return c.Value(x.node.Len() > 0) },
			"getNamespaceForPrefix": (*xmlNode).namespaceForPrefix,
			"getPrefixForNamespace": (*xmlNode).prefixForNamespace,
			"toString":              func(x *xmlNode, c engine.Call) goja.Value { return c.Value(x.text()) },
		},
		Properties: nodeProperties(),
	})
}

func nodeProperties() map[string]engine.Property[*xmlNode] {
	read := func(get func(x *xmlNode, c engine.Call) goja.Value) engine.Property[*xmlNode] {
		return engine.Property[*xmlNode]{Get: get}
	}
	relative := func(of func(*xmldoc.Node) *xmldoc.Node) engine.Property[*xmlNode] {
		return read(func(x *xmlNode, _ engine.Call) goja.Value { return x.class.object(of(x.node)) })
	}
	return map[string]engine.Property[*xmlNode]{
		"firstChild":      relative((*xmldoc.Node).First),
		"lastChild":       relative((*xmldoc.Node).Last),
		"nextSibling":     relative((*xmldoc.Node).Next),
		"previousSibling": relative((*xmldoc.Node).Previous),
		"parentNode":      relative((*xmldoc.Node).Parent),
		"nodeType":        read(func(x *xmlNode, c engine.Call) goja.Value { return c.Value(int(x.node.Type)) }),
		"childNodes":      read(func(x *xmlNode, _ engine.Call) goja.Value { return x.childNodes() }),
		"attributes":      {Get: (*xmlNode).getAttributes, Set: (*xmlNode).setAttributes},
		"nodeName": {
			Get: func(x *xmlNode, c engine.Call) goja.Value { return x.ofElement(x.node.Name) },
			Set: func(x *xmlNode, _ engine.Call, v goja.Value) {
				if x.node.Type == xmldoc.Element && x.document == nil {
					x.node.Name = v.String()
				}
			},
		},
		"nodeValue": {
			Get: func(x *xmlNode, c engine.Call) goja.Value {
				if x.node.Type == xmldoc.Element {
					return goja.Null()
				}
				return c.Value(x.node.Value)
			},
			Set: func(x *xmlNode, _ engine.Call, v goja.Value) {
				if x.node.Type != xmldoc.Element {
					x.node.Value = v.String()
				}
			},
		},
		"prefix":    read(func(x *xmlNode, _ engine.Call) goja.Value { return x.ofElement(x.node.Prefix()) }),
		"localName": read(func(x *xmlNode, _ engine.Call) goja.Value { return x.ofElement(x.node.LocalName()) }),
		"namespaceURI": read(func(x *xmlNode, _ engine.Call) goja.Value {
			uri, _ := x.node.Namespace(x.node.Prefix())
			return x.ofElement(uri)
		}),
	}
}

// ofElement returns what elements with a name have, null for texts and documents.
func (x *xmlNode) ofElement(s string) goja.Value {
	if x.node.Type != xmldoc.Element || x.node.Name == "" {
		return goja.Null()
	}
	return x.class.classes.engine.VM.ToValue(s)
}

// text returns what toString does.
func (x *xmlNode) text() string {
	if x.document == nil {
		return x.node.String()
	}
	return stringOf(x.document.declaration) + stringOf(x.document.docType) + x.node.String()
}

// stringOf returns a value as a string, "" if it is nil, undefined or null.
func stringOf(v goja.Value) string {
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return ""
	}
	return v.String()
}

// nodeOf returns the node that an argument is, or nil.
func (x *xmlNode) nodeOf(v goja.Value) *xmldoc.Node {
	if self, ok := x.class.node.Self(v); ok {
		return self.node
	}
	return nil
}

func (x *xmlNode) appendChild(c engine.Call) goja.Value {
	if child := x.nodeOf(c.Arg(0)); child != nil {
		x.insert(child, nil)
	}
	return nil
}

// insertBefore appends when it is told no node, and does nothing when that is no child.
func (x *xmlNode) insertBefore(c engine.Call) goja.Value {
	child, before := x.nodeOf(c.Arg(0)), x.nodeOf(c.Arg(1))
	if child != nil && (before != nil || !c.Has(1) || goja.IsNull(c.Arg(1))) {
		x.insert(child, before)
	}
	return nil
}

func (x *xmlNode) insert(child, before *xmldoc.Node) {
	from := child.Parent()
	if !x.node.Insert(child, before) {
		return
	}
	forgetChildren(from)
	forgetChildren(x.node)
}

func (x *xmlNode) removeNode(engine.Call) goja.Value {
	from := x.node.Parent()
	x.node.Remove()
	forgetChildren(from)
	return nil
}

func (x *xmlNode) cloneNode(c engine.Call) goja.Value {
	return x.class.object(x.node.Clone(c.Bool(0, false)))
}

func (x *xmlNode) namespaceForPrefix(c engine.Call) goja.Value {
	if uri, ok := x.node.Namespace(c.String(0)); ok {
		return c.Value(uri)
	}
	return goja.Null()
}

func (x *xmlNode) prefixForNamespace(c engine.Call) goja.Value {
	if prefix, ok := x.node.PrefixFor(c.String(0)); ok {
		return c.Value(prefix)
	}
	return goja.Null()
}

func (x *xmlNode) getAttributes(c engine.Call) goja.Value {
	if x.attributes == nil {
		x.attributes = c.VM.NewDynamicObject(&attributes{c.VM, x.node})
	}
	return x.attributes
}

// setAttributes takes the properties of an object in place of the attributes that were there.
func (x *xmlNode) setAttributes(_ engine.Call, v goja.Value) {
	from, ok := v.(*goja.Object)
	if !ok {
		return
	}
	var list []xmldoc.Attr
	for _, name := range from.Keys() {
		list = append(list, xmldoc.Attr{Name: name, Value: from.Get(name).String()})
	}
	x.node.Attrs = list
}

// attributes shows the attributes of a node as an object. Values are strings.
type attributes struct {
	vm   *goja.Runtime
	node *xmldoc.Node
}

// Get returns an attribute.
func (a *attributes) Get(name string) goja.Value {
	if v, ok := a.node.LookupAttr(name); ok {
		return a.vm.ToValue(v)
	}
	return nil
}

// Set sets an attribute.
func (a *attributes) Set(name string, v goja.Value) bool {
	a.node.SetAttr(name, v.String())
	return true
}

// Has says whether there is an attribute.
func (a *attributes) Has(name string) bool {
	_, ok := a.node.LookupAttr(name)
	return ok
}

// Delete removes an attribute.
func (a *attributes) Delete(name string) bool {
	a.node.DeleteAttr(name)
	return true
}

// Keys returns the names of the attributes.
func (a *attributes) Keys() []string {
	names := make([]string, len(a.node.Attrs))
	for i := range names {
		names[i] = a.node.Attrs[i].Name
	}
	return names
}
