package wsdl_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"afterglow/scripting/web/wsdl"
)

// describe makes a description with one operation in document/literal.
func describe(schema string) string {
	return `<?xml version="1.0"?>
<definitions name="N" targetNamespace="urn:t" xmlns:tns="urn:t" xmlns:s="http://www.w3.org/2001/XMLSchema"
  xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns="http://schemas.xmlsoap.org/wsdl/">
 <types><s:schema targetNamespace="urn:t" elementFormDefault="qualified">` + schema + `</s:schema></types>
 <message name="In"><part name="parameters" element="tns:Do"/></message>
 <message name="Out"><part name="parameters" element="tns:DoResponse"/></message>
 <portType name="P"><operation name="Do"><input message="tns:In"/><output message="tns:Out"/></operation></portType>
 <binding name="B" type="tns:P"><soap:binding transport="http://schemas.xmlsoap.org/soap/http" style="document"/>
  <operation name="Do"><soap:operation soapAction="urn:t/Do"/><input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation>
 </binding>
 <service name="S"><port name="Q" binding="tns:B"><soap:address location="http://127.0.0.1/s"/></port></service>
</definitions>`
}

// show writes fields as a signature.
func show(fields []*wsdl.Field, depth int) string {
	var all []string
	for _, f := range fields {
		text := f.Name
		if f.Many {
			text += "*"
		}
		if f.Optional {
			text += "?"
		}
		all = append(all, text+":"+showType(f.Type, depth))
	}
	return strings.Join(all, " ")
}

func showType(t *wsdl.Type, depth int) string {
	switch {
	case depth > 2:
		return "..."
	case t.Kind == wsdl.Struct:
		return "{" + show(t.Fields, depth+1) + "}"
	case t.Kind == wsdl.Array:
		return "[" + showType(t.Item.Type, depth+1) + "]"
	}
	return [...]string{"any", "string", "number", "boolean", "date"}[t.Kind]
}

func TestTypesAreThoseOfTheSchema(t *testing.T) {
	for schema, want := range map[string]string{
		`<s:element name="Do"><s:complexType><s:sequence><s:element name="a" type="s:string" minOccurs="0"/><s:element name="b" type="s:int"/></s:sequence></s:complexType></s:element>`:                                                                                                                                             "a?:string b:number",
		`<s:element name="Do" type="tns:T"/><s:complexType name="T"><s:all><s:element name="a" type="s:boolean"/><s:element name="b" type="s:dateTime"/></s:all></s:complexType>`:                                                                                                                                                    "a:boolean b:date",
		`<s:element name="Do" type="tns:T"/><s:complexType name="T"><s:sequence><s:element name="a" type="tns:U"/><s:element ref="tns:r"/></s:sequence></s:complexType><s:element name="r" type="s:base64Binary"/><s:simpleType name="U"><s:restriction base="s:decimal"/></s:simpleType>`:                                           "a:number r:string",
		`<s:element name="Do" type="tns:T"/><s:complexType name="T"><s:sequence><s:element name="next" type="tns:T"/><s:element name="x" type="s:float"/></s:sequence></s:complexType>`:                                                                                                                                              "next:{next:{next:{next:... x:...} x:number} x:number} x:number",
		`<s:element name="Do" type="tns:T"/><s:complexType name="T"><s:sequence><s:element name="l" type="tns:L"/><s:element name="m" maxOccurs="5" type="s:int"/></s:sequence></s:complexType><s:complexType name="L"><s:sequence><s:element name="string" type="s:string" maxOccurs="unbounded"/></s:sequence></s:complexType>`:    "l:[string] m*:number",
		`<s:element name="Do" type="tns:T"/><s:complexType name="B"><s:sequence><s:element name="a" type="s:int"/></s:sequence></s:complexType><s:complexType name="T"><s:complexContent><s:extension base="tns:B"><s:sequence><s:element name="b" type="s:anyType"/></s:sequence></s:extension></s:complexContent></s:complexType>`: "a:number b:any",
		`<s:element name="Do"><s:complexType><s:choice><s:element name="a"><s:simpleType><s:restriction base="s:string"/></s:simpleType></s:element><s:element name="b"><s:complexType><s:simpleContent><s:extension base="s:int"/></s:simpleContent></s:complexType></s:element></s:choice></s:complexType></s:element>`:            "a:string b:number",
		`<s:element name="Do" type="tns:T"/><s:complexType name="T"><s:sequence><s:element name="l" type="tns:T"/><s:element name="r" type="tns:T"/></s:sequence></s:complexType>`:                                                                                                                                                   "l:{l:{l:{l:... r:...} r:{l:... r:...}} r:{l:{l:... r:...} r:{l:... r:...}}} r:{l:{l:{l:... r:...} r:{l:... r:...}} r:{l:{l:... r:...} r:{l:... r:...}}}",
		`<s:element name="Do" type="s:int"/>`: "Do:number",
		``:                                    "Do:any",
	} {
		s, err := wsdl.Parse(describe(schema))
		if err != nil {
			t.Errorf("%s: %v", schema, err)
			continue
		}
		in := s.Operations["Do"].Input
		if got := show(in.Fields, 0); got != want || in.Namespace != "urn:t" || in.Name != "Do" {
			t.Errorf("%s:\n\t%s instead of\n\t%s", schema, got, want)
		}
	}
}

func TestTheServiceIsDescribed(t *testing.T) {
	s, err := wsdl.Parse(describe(""))
	if err != nil {
		t.Fatal(err)
	}
	op := s.Operations["Do"]
	if s.Name != "S" || s.Endpoint != "http://127.0.0.1/s" || op.Action != "urn:t/Do" || op.Encoded || op.Output.Name != "DoResponse" {
		t.Errorf("%+v %+v", s, op)
	}
}

func TestWhatIsNoDescriptionIsAnError(t *testing.T) {
	for text, want := range map[string]error{
		"":       wsdl.ErrMalformed,
		"<a>":    wsdl.ErrMalformed,
		"<a/>":   wsdl.ErrMalformed,
		"Sorry.": wsdl.ErrMalformed,
		`<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"/>`:      wsdl.ErrNoPort,
		strings.Replace(describe(""), "wsdl/soap/", "wsdl/soap12/", 1): wsdl.ErrNoPort,
		strings.Repeat("<a>", 200):                                     wsdl.ErrTooLarge,
		describe(doubling(30)):                                         wsdl.ErrTooLarge,
	} {
		if _, err := wsdl.Parse(text); !errors.Is(err, want) {
			t.Errorf("%.60s: %v instead of %v", text, err, want)
		}
	}
}

// doubling makes types each of which extends the one before twice over.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString(`<s:element name="Do" type="tns:T0"/>`)
	for i := range n {
		fmt.Fprintf(&b, `<s:complexType name="T%d"><s:complexContent><s:extension base="tns:T%[2]d"/><s:extension base="tns:T%[2]d"/></s:complexContent></s:complexType>`, i, i+1)
	}
	fmt.Fprintf(&b, `<s:complexType name="T%d"><s:sequence><s:element name="a" type="s:int"/><s:element name="b" type="s:int"/></s:sequence></s:complexType>`, n)
	return b.String()
}

func FuzzParse(f *testing.F) {
	f.Add(describe(`<s:element name="Do" type="tns:T"/><s:complexType name="T"><s:sequence><s:element name="next" type="tns:T"/></s:sequence></s:complexType>`))
	f.Add(describe(doubling(3)))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := wsdl.Parse(text)
		if err != nil {
			return
		}
		for _, op := range s.Operations {
			for _, m := range []wsdl.Message{op.Input, op.Output} {
				_ = show(m.Fields, 0)
				if m.Bare && len(m.Fields) != 1 {
					t.Error("a bare message has", len(m.Fields), "fields")
				}
			}
		}
	})
}
