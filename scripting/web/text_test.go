package web

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dop251/goja"

	"afterglow/scripting/web/wsdl"
)

func FuzzForms(f *testing.F) {
	f.Add("a b&c=d%20\u00e9")
	f.Add("%")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, text string) {
		if got := unescapeForm(text); utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("%q became %q", text, got)
		}
		var b strings.Builder
		escapeForm(&b, text)
		if got := unescapeForm(b.String()); utf8.ValidString(text) && !strings.HasPrefix(text, "\ufeff") && got != text {
			t.Errorf("%q came back as %q", text, got)
		}
	})
}

func FuzzDecodeText(f *testing.F) {
	f.Add([]byte("a\xfc"), "text/plain; charset=latin1")
	f.Add([]byte("\xff\xfea"), "text/plain; charset=shift_jis")
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		if got := decodeText(body, kind); !utf8.ValidString(got) {
			t.Errorf("%q as %q became %q", body, kind, got)
		}
	})
}

func FuzzAddress(f *testing.F) {
	f.Add("http://a/b c?d=\u00e9#f")
	f.Add("HTTP://[::1]:80/")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := address(text)
		if err != nil {
			return
		}
		if again, err := address(got); err != nil || again != got || strings.ContainsAny(got, " \r\n") {
			t.Errorf("%q became %q, then %q, %v", text, got, again, err)
		}
	})
}

func FuzzSOAPAnswer(f *testing.F) {
	f.Add(`<e:Envelope xmlns:e="x"><e:Body><r><a href="#1"/></r><m id="1"><b>1</b><b>2</b><self href="#1"/></m></e:Body></e:Envelope>`)
	f.Add(`<Envelope><Body><Fault><faultcode>x</faultcode></Fault></Body></Envelope>`)
	item := &wsdl.Field{Name: "a", Type: &wsdl.Type{Kind: wsdl.Struct}}
	item.Type.Fields = []*wsdl.Field{item, {Name: "b", Many: true, Type: &wsdl.Type{Kind: wsdl.Date}}}
	messages := []wsdl.Message{{}, {Fields: []*wsdl.Field{item}}, {Bare: true, Fields: []*wsdl.Field{item}}, {Fields: []*wsdl.Field{item, item}}}
	f.Fuzz(func(t *testing.T, text string) {
		body := openEnvelope(text)
		if body == nil || faultOf(body) != nil {
			return
		}
		for _, m := range messages {
			r := soapReader{vm: goja.New(), body: body}
			if r.result(m) == nil {
				t.Error("there is no result")
			}
		}
	})
}
