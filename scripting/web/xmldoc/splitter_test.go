package xmldoc_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"afterglow/scripting/web/xmldoc"
)

func TestAStreamIsCutIntoFirstLevelElements(t *testing.T) {
	for text, want := range map[string][]string{
		"<s><a/><b>x<c/></b>": {"<a/>", "<b>x<c/></b>"},
		"<?xml version='1.0'?><!-- <s> --><s:s x='>' y=\"/>\">\n <a t='</a>'>1</a> \n<a>2</a></s:s>": {"<a t='</a>'>1</a>", "<a>2</a>"},
		"<s><a><![CDATA[</a>]]></a><b><!-- </b> ></b> --></b>":                                       {"<a><![CDATA[</a>]]></a>", "<b><!-- </b> ></b> --></b>"},
		"<s></s><s><a/></s>":             {"<a/>"},
		"<s><a><![CDATA[>]]<b>]]></a>":   {"<a><![CDATA[>]]<b>]]></a>"},
		"<s><a t='/>' u=\"'>\">1</a>":    {"<a t='/>' u=\"'>\">1</a>"},
		"</s></s><s><a></a>":             {"<a></a>"},
		"text<s>text<!--x--><a/>text":    {"<a/>"},
		"<one/><s><a/>":                  {"<a/>"},
		"<s><a><a><a/></a></a><?x >?><b": {"<a><a><a/></a></a>"},
	} {
		var whole, bits xmldoc.Splitter
		got, err := whole.Write([]byte(text))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q instead of %q", text, got, want)
		}
		var single []string
		for i := range len(text) {
			more, _ := bits.Write([]byte{text[i]})
			single = append(single, more...)
		}
		if !slices.Equal(single, want) {
			t.Errorf("%s, a byte at a time: %q instead of %q", text, single, want)
		}
	}
}

func TestAFragmentMayNotBeTooLong(t *testing.T) {
	s := xmldoc.Splitter{Max: 10}
	if got, err := s.Write([]byte("<s>            <a>1234</a><a>12</a>")); !errors.Is(err, xmldoc.ErrTooLong) || len(got) != 0 {
		t.Error(got, err)
	}
	s = xmldoc.Splitter{Max: 10}
	if got, err := s.Write([]byte("<s>" + strings.Repeat(" <a>123</a>", 100))); err != nil || len(got) != 100 {
		t.Error(len(got), err)
	}
}

func FuzzSplitter(f *testing.F) {
	f.Add([]byte("<s><a b='>'/><c><!-- > --><d><![CDATA[]]]></d></c></s>"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, at uint8) {
		whole, parts := xmldoc.Splitter{Max: 1000}, xmldoc.Splitter{Max: 1000}
		want, err := whole.Write(text)
		cut := min(int(at), len(text))
		got, err2 := parts.Write(text[:cut])
		if err2 == nil {
			var more []string
			more, err2 = parts.Write(text[cut:])
			got = append(got, more...)
		}
		if !slices.Equal(got, want) || !errors.Is(err2, err) {
			t.Errorf("%q, %v instead of %q, %v", got, err2, want, err)
		}
	})
}
