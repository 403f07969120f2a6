package xmldoc

// Type is what a node is. Scripts may make nodes of other types than these two; they behave as texts.
type Type int

// The types of nodes that a document has.
const (
	Element Type = 1
	Text    Type = 3
)

// Attr is an attribute of an element.
type Attr struct {
	Name  string
	Value string
}

// Node is an element, a text, or the document itself, which is an element without a name. The tree is changed with its
// methods. It is not safe for concurrent use.
type Node struct {
	// Type tells elements from texts.
	Type Type
	// Name is the qualified name of an element. The document has none: an element without a name writes only what is in it.
	Name string
	// Value is what a text says, without any escaping.
	Value string
	// Attrs are the attributes in the order in which they were set, each name once.
	Attrs []Attr
	// Peer is what the user of the package keeps with the node.
	Peer any

	parent, first, last, previous, next *Node

	count int
	list  []*Node // the children by number, nil until asked for and after a change
}

// NewElement returns an element without a parent.
func NewElement(name string) *Node { return &Node{Type: Element, Name: name} }

// NewText returns a text without a parent.
func NewText(value string) *Node { return &Node{Type: Text, Value: value} }

// Parent returns the element that a node is in, or nil.
func (n *Node) Parent() *Node { return n.parent }

// First returns the first child, or nil.
func (n *Node) First() *Node { return n.first }

// Last returns the last child, or nil.
func (n *Node) Last() *Node { return n.last }

// Next returns the sibling behind a node, or nil.
func (n *Node) Next() *Node { return n.next }

// Previous returns the sibling before a node, or nil.
func (n *Node) Previous() *Node { return n.previous }

// Len returns the number of children.
func (n *Node) Len() int { return n.count }

// Child returns a child by its number from 0, or nil. Walking through all of them takes time that grows with their number
// as long as the children do not change.
func (n *Node) Child(i int) *Node {
	switch {
	case i < 0 || i >= n.count:
		return nil
	case i == 0:
		return n.first
	case i == n.count-1:
		return n.last
	}
	if n.list == nil {
		n.list = make([]*Node, 0, n.count)
		for c := n.first; c != nil; c = c.next {
			n.list = append(n.list, c)
		}
	}
	return n.list[i]
}

// Elements returns the children that are elements of a local name, or all elements if that is "".
func (n *Node) Elements(local string) []*Node {
	var found []*Node
	for c := n.first; c != nil; c = c.next {
		if c.Type == Element && (local == "" || c.LocalName() == local) {
			found = append(found, c)
		}
	}
	return found
}

// Element returns the first child that is an element of a local name, or nil.
func (n *Node) Element(local string) *Node {
	for c := n.first; c != nil; c = c.next {
		if c.Type == Element && c.LocalName() == local {
			return c
		}
	}
	return nil
}

// Inner returns what the texts directly within an element say.
func (n *Node) Inner() string {
	if n.first != nil && n.first == n.last && n.first.Type != Element {
		return n.first.Value
	}
	var b []byte
	for c := n.first; c != nil; c = c.next {
		if c.Type != Element {
			b = append(b, c.Value...)
		}
	}
	return string(b)
}

// Append puts a node behind the children, taking it from where it is. It reports false, and does nothing, when the node
// would then be inside of itself.
func (n *Node) Append(child *Node) bool { return n.Insert(child, nil) }

// Insert puts a node before one of the children, or behind all for nil, taking it from where it is. It reports false, and
// does nothing, when the node would then be inside of itself or before is no child.
func (n *Node) Insert(child, before *Node) bool {
	if before != nil && before.parent != n || child.contains(n) {
		return false
	}
	if child == before {
		return true
	}
	child.Remove()
	child.parent = n
	child.next = before
	if before != nil {
		child.previous = before.previous
		before.previous = child
	} else {
		child.previous = n.last
		n.last = child
	}
	if child.previous != nil {
		child.previous.next = child
	} else {
		n.first = child
	}
	n.count++
	n.list = nil
	return true
}

// contains says whether a node is n or inside of it.
func (n *Node) contains(other *Node) bool {
	if n == other {
		return true
	}
	if n.first == nil {
		return false
	}
	for other = other.parent; other != nil; other = other.parent {
		if other == n {
			return true
		}
	}
	return false
}

// Remove takes a node out of its parent.
func (n *Node) Remove() {
	p := n.parent
	if p == nil {
		return
	}
	if n.previous != nil {
		n.previous.next = n.next
	} else {
		p.first = n.next
	}
	if n.next != nil {
		n.next.previous = n.previous
	} else {
		p.last = n.previous
	}
	p.count--
	p.list = nil
	n.parent, n.previous, n.next = nil, nil, nil
}

// Clear takes all children out.
func (n *Node) Clear() {
	for c := n.first; c != nil; {
		next := c.next
		c.parent, c.previous, c.next = nil, nil, nil
		c = next
	}
	n.first, n.last, n.count, n.list = nil, nil, 0, nil
}

// Clone copies a node, with all that is in it if deep is true. The copy has no parent and no peers.
func (n *Node) Clone(deep bool) *Node {
	root := n.copy()
	if !deep {
		return root
	}
	into := root
	n.walk(func(c *Node) {
		if c == n {
			return
		}
		twin := c.copy()
		into.Append(twin)
		into = twin
	}, func(c *Node) {
		if c != n {
			into = into.parent
		}
	})
	return root
}

func (n *Node) copy() *Node {
	return &Node{Type: n.Type, Name: n.Name, Value: n.Value, Attrs: append([]Attr(nil), n.Attrs...)}
}

// walk goes through a node and all that is in it, in the order of the text.
func (n *Node) walk(enter, leave func(*Node)) {
	for c := n; ; {
		enter(c)
		if c.first != nil {
			c = c.first
			continue
		}
		for leave(c); c != n && c.next == nil; leave(c) {
			c = c.parent
		}
		if c == n {
			return
		}
		c = c.next
	}
}
