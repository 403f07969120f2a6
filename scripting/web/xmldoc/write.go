package xmldoc

import "strings"

// escapes has what texts and attributes write in place of these characters; Flash wrote all five in both.
var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

// Escape returns a text as it stands in a document.
func Escape(text string) string {
	if !strings.ContainsAny(text, `&<>"'`) {
		return text
	}
	return escapes.Replace(text)
}

// String returns the text of a node and all that is in it. An empty element is written with a space before its slash.
func (n *Node) String() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

func (n *Node) write(b *strings.Builder) {
	n.walk(func(c *Node) { c.open(b) }, func(c *Node) {
		if c.Type == Element && c.Name != "" && c.first != nil {
			b.WriteString("</" + c.Name + ">")
		}
	})
}

func (n *Node) open(b *strings.Builder) {
	if n.Type != Element {
		b.WriteString(Escape(n.Value))
		return
	}
	if n.Name == "" {
		return
	}
	b.WriteByte('<')
	b.WriteString(n.Name)
	for _, a := range n.Attrs {
		b.WriteString(" " + a.Name + `="` + Escape(a.Value) + `"`)
	}
	if n.first == nil {
		b.WriteString(" />")
		return
	}
	b.WriteByte('>')
}
