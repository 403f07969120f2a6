package xmldoc

import "strings"

// Status is how reading a document ended (server-side-api 2.10).
type Status int

// What is wrong with a document. What was read before the mistake is in the tree.
const (
	OK                      Status = 0
	UnterminatedCDATA       Status = -2
	UnterminatedDeclaration Status = -3
	UnterminatedDocType     Status = -4
	UnterminatedComment     Status = -5
	MalformedElement        Status = -6
	OutOfMemory             Status = -7 // a limit was passed
	BadAttribute            Status = -8 // without a value, or its quote never ends
	UnclosedElement         Status = -9
	UnopenedElement         Status = -10
)

// Limits bound what one document may cost. A zero field has its default.
type Limits struct {
	// Nodes is how many elements and texts a document may have. Default 262,144.
	Nodes int
	// Depth is how deep elements may nest. Default as many as there may be nodes.
	Depth int
	// Attributes is how many attributes one element may have. Default 1,024.
	Attributes int
}

func (l Limits) withDefaults() Limits {
	if l.Nodes <= 0 {
		l.Nodes = 1 << 18
	}
	if l.Depth <= 0 {
		l.Depth = l.Nodes
	}
	if l.Attributes <= 0 {
		l.Attributes = 1024
	}
	return l
}

// Options tell how a document is read.
type Options struct {
	// IgnoreWhite leaves out texts that are nothing but white space.
	IgnoreWhite bool
	Limits      Limits
}

// Document is the root of a tree, with what stands before the first element. Its nodes may be moved to other documents.
type Document struct {
	// Node is the document as an element without a name.
	Node
	// Declaration is the XML declaration as it stands in the text, and DocType the document type declaration; "" without.
	Declaration string
	DocType     string
	// Status is how the last Parse ended.
	Status Status
}

// NewDocument returns an empty document.
func NewDocument() *Document { return &Document{Node: Node{Type: Element}} }

// Parse reads a document, and returns what it could read of one that has a mistake; see Document.Status.
func Parse(text string, o Options) *Document {
	d := NewDocument()
	d.Parse(text, o)
	return d
}

// Parse replaces what is in the document.
func (d *Document) Parse(text string, o Options) {
	d.Clear()
	d.Declaration, d.DocType = "", ""
	p := parser{document: d, at: &d.Node, text: text, options: o}
	p.options.Limits = o.Limits.withDefaults()
	d.Status = p.run()
}

// Root returns the first element of the document, or nil.
func (d *Document) Root() *Node {
	for c := d.First(); c != nil; c = c.Next() {
		if c.Type == Element {
			return c
		}
	}
	return nil
}

// String returns the text of the document.
func (d *Document) String() string {
	var b strings.Builder
	b.WriteString(d.Declaration)
	b.WriteString(d.DocType)
	d.write(&b)
	return b.String()
}
