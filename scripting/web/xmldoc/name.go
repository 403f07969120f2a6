package xmldoc

import "strings"

// Attr returns an attribute by its qualified name, "" if there is none.
func (n *Node) Attr(name string) string {
	v, _ := n.LookupAttr(name)
	return v
}

// LookupAttr returns an attribute by its qualified name, and whether there is one.
func (n *Node) LookupAttr(name string) (string, bool) {
	for i := range n.Attrs {
		if n.Attrs[i].Name == name {
			return n.Attrs[i].Value, true
		}
	}
	return "", false
}

// SetAttr sets an attribute. A new one goes to the end; one that exists keeps its place.
func (n *Node) SetAttr(name, value string) {
	for i := range n.Attrs {
		if n.Attrs[i].Name == name {
			n.Attrs[i].Value = value
			return
		}
	}
	n.Attrs = append(n.Attrs, Attr{name, value})
}

// DeleteAttr removes an attribute if there is one.
func (n *Node) DeleteAttr(name string) {
	for i := range n.Attrs {
		if n.Attrs[i].Name == name {
			n.Attrs = append(n.Attrs[:i], n.Attrs[i+1:]...)
			return
		}
	}
}

// Prefix returns what stands before the colon of a name, "" without one.
func (n *Node) Prefix() string {
	prefix, _ := SplitName(n.Name)
	return prefix
}

// LocalName returns what stands behind the colon of a name.
func (n *Node) LocalName() string {
	_, local := SplitName(n.Name)
	return local
}

// SplitName splits a qualified name into its prefix, which may be "", and the rest.
func SplitName(name string) (prefix, local string) {
	if prefix, local, found := strings.Cut(name, ":"); found {
		return prefix, local
	}
	return "", name
}

// Namespace returns the URI that a prefix stands for at a node, "" being the prefix of the default namespace, and whether
// it has been declared.
func (n *Node) Namespace(prefix string) (uri string, declared bool) {
	name := "xmlns"
	if prefix != "" {
		name += ":" + prefix
	}
	for ; n != nil; n = n.parent {
		if uri, ok := n.LookupAttr(name); ok {
			return uri, true
		}
	}
	return "", false
}

// PrefixFor returns the prefix that stands for a URI at a node, "" for the default namespace, and whether there is one.
func (n *Node) PrefixFor(uri string) (prefix string, declared bool) {
	for at := n; at != nil; at = at.parent {
		for _, a := range at.Attrs {
			prefix, isDefault := "", a.Name == "xmlns"
			if !isDefault {
				var named bool
				if prefix, named = strings.CutPrefix(a.Name, "xmlns:"); !named {
					continue
				}
			}
			if a.Value != uri {
				continue
			}
			if now, _ := n.Namespace(prefix); now == uri { // not declared anew in between
				return prefix, true
			}
		}
	}
	return "", false
}
