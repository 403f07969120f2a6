package xmldoc_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"afterglow/scripting/web/xmldoc"
)

func TestNodesMoveBetweenParents(t *testing.T) {
	d := parse("<a><b/><c/></a><d><e/></d>")
	a, d2 := d.Child(0), d.Child(1)
	b, c, e := a.First(), a.Last(), d2.First()
	if !a.Insert(e, c) || !d2.Append(b) {
		t.Error("refused")
	}
	if got := d.String(); got != "<a><e /><c /></a><d><b /></d>" {
		t.Error(got)
	}
	if b.Parent() != d2 || b.Next() != nil || e.Next() != c || c.Previous() != e || a.Child(1) != c || a.Child(2) != nil {
		t.Error("the links are wrong")
	}
	a.Remove()
	if got := d.String(); got != "<d><b /></d>" || a.Parent() != nil {
		t.Error(got)
	}
}

func TestNoNodeGetsInsideOfItself(t *testing.T) {
	d := parse("<a><b><c/></b></a>")
	a := d.Root()
	c := a.First().First()
	if a.Append(a) || c.Append(a) || c.Insert(a, nil) {
		t.Error("an element was put into itself")
	}
	if a.Insert(c, parse("<x/>").Root()) {
		t.Error("inserted before what is no child")
	}
	if !a.Insert(a.First(), a.First()) || d.String() != "<a><b><c /></b></a>" {
		t.Error("inserting an element before itself changed", d)
	}
}

// TestLinksAgreeAfterRandomChanges compares the list of children with a slice.
func TestLinksAgreeAfterRandomChanges(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	parent := xmldoc.NewElement("p")
	var want []*xmldoc.Node
	for range 2000 {
		if at := random.IntN(len(want) + 1); random.IntN(5) < 3 || at == len(want) {
			n := xmldoc.NewText("x")
			parent.Insert(n, parent.Child(at))
			want = slices.Insert(want, at, n)
		} else {
			want[at].Remove()
			want = slices.Delete(want, at, at+1)
		}
		i := 0
		for c := parent.First(); c != nil; c = c.Next() {
			if c != want[i] || parent.Child(i) != c {
				t.Fatal("child", i, "is another")
			}
			i++
		}
		if i != len(want) || parent.Len() != i {
			t.Fatal("the number of children is wrong")
		}
	}
}

func TestCopiesShareNothing(t *testing.T) {
	a := parse("<a b='1'><c>x</c></a>").Root()
	shallow, deep := a.Clone(false), a.Clone(true)
	a.SetAttr("b", "2")
	a.First().First().Value = "y"
	if got := shallow.String() + deep.String(); got != `<a b="1" /><a b="1"><c>x</c></a>` {
		t.Error(got)
	}
}

func TestNamespacesAreThoseInScope(t *testing.T) {
	d := parse("<a xmlns='u:0' xmlns:p='u:1'><p:b xmlns:p='u:2' xmlns:q='u:1'><c/></p:b></a>")
	b := d.Root().First()
	c := b.First()
	if b.Prefix() != "p" || b.LocalName() != "b" {
		t.Error("the name is split wrong:", b.Prefix(), b.LocalName())
	}
	for prefix, want := range map[string]string{"": "u:0", "p": "u:2", "q": "u:1"} {
		if got, ok := c.Namespace(prefix); !ok || got != want {
			t.Errorf("%q is %q, not %q", prefix, got, want)
		}
	}
	if _, ok := c.Namespace("z"); ok {
		t.Error("z is declared nowhere")
	}
	if got, ok := c.PrefixFor("u:1"); !ok || got != "q" {
		t.Errorf("u:1 has the prefix %q: p is declared anew in between", got)
	}
	if got, ok := c.PrefixFor("u:0"); !ok || got != "" {
		t.Errorf("u:0 has the prefix %q", got)
	}
	if _, ok := parse("<a xmlns:p='u:1'><b xmlns:p='u:2'/></a>").Root().First().PrefixFor("u:1"); ok {
		t.Error("no prefix stands for u:1 where p is declared anew")
	}
	if _, ok := c.PrefixFor("u:9"); ok {
		t.Error("u:9 has no prefix")
	}
}

func TestAttributesKeepTheirOrder(t *testing.T) {
	n := parse("<a z='1' 2='2' b='3'/>").Root()
	n.SetAttr("z", "4")
	n.DeleteAttr("2")
	n.SetAttr("a", "<'>")
	if got := n.String(); got != `<a z="4" b="3" a="&lt;&apos;&gt;" />` {
		t.Error(got)
	}
}

func TestElementsAreFoundByLocalName(t *testing.T) {
	n := parse("<a>1<x:b/>2<b/><c/>3</a>").Root()
	if len(n.Elements("b")) != 2 || len(n.Elements("")) != 3 || n.Element("c") != n.Child(4) || n.Element("d") != nil {
		t.Error("elements are not found")
	}
	if n.Inner() != "123" || strings.TrimSpace(n.Element("b").Inner()) != "" {
		t.Error("texts are not found")
	}
}
