package xmldoc_test

import (
	"strings"
	"testing"

	"afterglow/scripting/web/xmldoc"
)

func parse(text string) *xmldoc.Document { return xmldoc.Parse(text, xmldoc.Options{}) }

func TestDocumentsAreWrittenAsTheyWereRead(t *testing.T) {
	for in, out := range map[string]string{
		"":                                     "",
		"<a/>":                                 "<a />",
		"<a></a>":                              "<a />",
		"<a>x</a>":                             "<a>x</a>",
		"<a><b/>x<c>y</c></a>":                 "<a><b />x<c>y</c></a>",
		"<a b='1' c = \"2\"/>":                 `<a b="1" c="2" />`,
		"<a b='\"<&amp;'/>":                    `<a b="&quot;&lt;&amp;" />`,
		"<a>'\"&gt;</a>":                       "<a>&apos;&quot;&gt;</a>",
		"<a>&#65;&#x42;&nbsp;</a>":             "<a>AB\u00a0</a>",
		"<a>R&D &foo; &#xZ; &#0; &#55296;</a>": "<a>R&amp;D &amp;foo; &amp;#xZ; &amp;#0; &amp;#55296;</a>",
		"<a><![CDATA[<b>&amp;]]></a>":          "<a>&lt;b&gt;&amp;amp;</a>",
		"<a><!-- <b> --></a>":                  "<a />",
		"<a><?php echo '>' ?></a>":             "<a />",
		"<?xml version=\"1.0\"?><a/>":          `<?xml version="1.0"?><a />`,
		"\ufeff<a/>":                           "<a />",
		"<!DOCTYPE a [<!ENTITY b \">\">]><a/>": "<!DOCTYPE a [<!ENTITY b \">\">]><a />",
		"before<a/>between<b/>":                "before<a />between<b />",
		"<A></a>":                              "<A />",
		"<a b='1' b='2'/>":                     `<a b="1" />`,
		"<a\n>\r\n</a\n>":                      "<a>\r\n</a>",
		"<x:a xmlns:x='u'/>":                   `<x:a xmlns:x="u" />`,
	} {
		if d := parse(in); d.Status != xmldoc.OK || d.String() != out {
			t.Errorf("%q: status %d, %q instead of %q", in, d.Status, d, out)
		}
	}
}

func TestMistakesHaveTheirStatusAndKeepWhatWasRead(t *testing.T) {
	for in, want := range map[string]struct {
		status xmldoc.Status
		kept   string
	}{
		"<a><![CDATA[x</a>":   {xmldoc.UnterminatedCDATA, "<a />"},
		"<?xml version":       {xmldoc.UnterminatedDeclaration, ""},
		"<!DOCTYPE a [<a>":    {xmldoc.UnterminatedDocType, ""},
		"<a>x<!-- y</a>":      {xmldoc.UnterminatedComment, "<a>x</a>"},
		"<a><":                {xmldoc.MalformedElement, "<a />"},
		"<a><>":               {xmldoc.MalformedElement, "<a />"},
		"<a><b":               {xmldoc.MalformedElement, "<a />"},
		"<a></a":              {xmldoc.MalformedElement, "<a />"},
		"<a / >":              {xmldoc.MalformedElement, ""},
		"<a b>":               {xmldoc.BadAttribute, ""},
		"<a b=c>":             {xmldoc.BadAttribute, ""},
		"<a b='c>":            {xmldoc.BadAttribute, ""},
		"<a ='c'>":            {xmldoc.BadAttribute, ""},
		"<a><b/>":             {xmldoc.UnclosedElement, "<a><b /></a>"},
		"<a><b></a>":          {xmldoc.UnclosedElement, "<a><b /></a>"},
		"<a/></b>":            {xmldoc.UnopenedElement, "<a />"},
		"<a></b></a>":         {xmldoc.UnopenedElement, "<a />"},
		"Not found <b>at all": {xmldoc.UnclosedElement, "Not found <b>at all</b>"},
	} {
		if d := parse(in); d.Status != want.status || d.Node.String() != want.kept {
			t.Errorf("%q: status %d instead of %d, %q instead of %q", in, d.Status, want.status, d.Node.String(), want.kept)
		}
	}
}

func TestIgnoreWhiteDropsOnlyTextsThatAreWhite(t *testing.T) {
	d := xmldoc.Parse("<a> <b> x </b>\r\n\t<c> </c><![CDATA[ ]]></a>", xmldoc.Options{IgnoreWhite: true})
	if got := d.String(); got != "<a><b> x </b><c /></a>" {
		t.Error(got)
	}
}

func TestADocumentMayBeDeeperThanAnyStack(t *testing.T) {
	const depth = 1 << 20
	d := xmldoc.Parse(strings.Repeat("<a>", depth), xmldoc.Options{Limits: xmldoc.Limits{Nodes: depth}})
	if d.Status != xmldoc.UnclosedElement {
		t.Fatal("status", d.Status)
	}
	twin := d.Clone(true)
	want := len(strings.Repeat("<a></a>", depth-1) + "<a />")
	if got := len(twin.String()); got != want {
		t.Errorf("the copy has %d characters instead of %d", got, want)
	}
	d.Clear()
	if d.Len() != 0 || d.String() != "" {
		t.Error("the document is not empty once it has been cleared")
	}
}

func TestLimits(t *testing.T) {
	for text, limits := range map[string]xmldoc.Limits{
		"<a><a/><a/></a>":        {Nodes: 2},
		"<a>x<b/>y</a>":          {Nodes: 3},
		"<a><a><a/></a></a>":     {Depth: 2},
		"<a b='' c='' d=''></a>": {Attributes: 2},
	} {
		if d := xmldoc.Parse(text, xmldoc.Options{Limits: limits}); d.Status != xmldoc.OutOfMemory {
			t.Errorf("%s: status %d", text, d.Status)
		}
	}
	if d := parse(strings.Repeat("<a>", 10<<20/3)); d.Status != xmldoc.OutOfMemory {
		t.Error("ten megabytes of start tags: status", d.Status)
	}
}

func TestManyAttributesAreEachThereOnce(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		b.WriteString(" a" + string(rune('a'+i%50)) + "=''")
	}
	if d := parse("<x" + b.String() + "/>"); len(d.Root().Attrs) != 50 {
		t.Error(len(d.Root().Attrs), "attributes instead of 50")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"<a b='c'>d<e/><!-- f --><![CDATA[g]]></a>", "<?xml version='1.0'?><!DOCTYPE a [<!b>]><a>&#65;&amp;</a>", "</a>", "<a =>"} {
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, white bool) {
		limits := xmldoc.Limits{Nodes: 1000, Depth: 100}
		d := xmldoc.Parse(text, xmldoc.Options{IgnoreWhite: white, Limits: limits})
		out := d.Node.String()
		if d.Clone(true).String() != out {
			t.Error("the copy differs")
		}
		if d.Status != xmldoc.OK {
			return
		}
		again := xmldoc.Parse(out, xmldoc.Options{Limits: limits})
		if again.Status != xmldoc.OK || again.Node.String() != out {
			t.Errorf("%q was written as %q, which reads as %q, status %d", text, out, again.Node.String(), again.Status)
		}
	})
}
