package web

import (
	"github.com/dop251/goja"

	"afterglow/scripting/web/xmldoc"
)

// childList shows the children of a node as an array, always the same and always up to date. A script that changes the
// array changes no node: the list keeps what the script made of it until the children change.
type childList struct {
	class *xmlClass
	node  *xmldoc.Node
	array *goja.Object
	own   []goja.Value // what a script made of it, nil if nothing
	taken bool
}

// childNodes returns the array of a node's children.
func (x *xmlNode) childNodes() goja.Value {
	if x.children == nil {
		x.children = &childList{class: x.class, node: x.node}
		x.children.array = x.class.classes.engine.VM.NewDynamicArray(x.children)
	}
	return x.children.array
}

// forgetChildren is called when the children of a node have changed.
func forgetChildren(n *xmldoc.Node) {
	if n == nil {
		return
	}
	if self, ok := n.Peer.(*xmlNode); ok && self.children != nil {
		self.children.own, self.children.taken = nil, false
	}
}

// Len returns the length.
func (l *childList) Len() int {
	if l.taken {
		return len(l.own)
	}
	return l.node.Len()
}

// Get returns an element, nil beyond the end.
func (l *childList) Get(i int) goja.Value {
	if !l.taken {
		if n := l.node.Child(i); n != nil {
			return l.class.object(n)
		}
		return nil
	}
	if i < 0 || i >= len(l.own) {
		return nil
	}
	return l.own[i]
}

// take makes the list the script's.
func (l *childList) take() {
	if l.taken {
		return
	}
	l.own = make([]goja.Value, 0, l.node.Len())
	for n := l.node.First(); n != nil; n = n.Next() {
		l.own = append(l.own, l.class.object(n))
	}
	l.taken = true
}

// Set sets an element. What is far beyond the end is ignored.
func (l *childList) Set(i int, v goja.Value) bool {
	l.take()
	if i >= len(l.own) {
		l.SetLen(i + 1)
	}
	if i >= 0 && i < len(l.own) {
		l.own[i] = v
	}
	return true
}

// SetLen sets the length. It grows by little at a time only, whatever a script says.
func (l *childList) SetLen(n int) bool {
	const gap = 1 << 16
	l.take()
	if n < 0 || n > len(l.own)+gap {
		return true
	}
	for len(l.own) < n {
		l.own = append(l.own, goja.Undefined())
	}
	l.own = l.own[:n]
	return true
}
