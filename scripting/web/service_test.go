package web_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"afterglow/scripting/web"
)

// shop describes a service in document/literal, as .NET did.
const shop = `<?xml version="1.0" encoding="utf-8"?>
<wsdl:definitions targetNamespace="urn:shop" xmlns:tns="urn:shop" xmlns:s="http://www.w3.org/2001/XMLSchema"
  xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/">
 <wsdl:types><s:schema elementFormDefault="qualified" targetNamespace="urn:shop">
  <s:element name="Find"><s:complexType><s:sequence>
   <s:element minOccurs="0" name="name" type="s:string"/><s:element name="most" type="s:int"/><s:element name="since" type="s:dateTime"/>
   <s:element name="tags" type="tns:ArrayOfString"/><s:element name="cheap" type="s:boolean"/></s:sequence></s:complexType></s:element>
  <s:element name="FindResponse"><s:complexType><s:sequence><s:element name="FindResult" type="tns:ArrayOfItem"/></s:sequence></s:complexType></s:element>
  <s:element name="Two"><s:complexType/></s:element>
  <s:element name="TwoResponse"><s:complexType><s:sequence><s:element name="a" type="s:int"/><s:element name="b" type="s:string"/></s:sequence></s:complexType></s:element>
  <s:complexType name="ArrayOfString"><s:sequence><s:element maxOccurs="unbounded" name="string" type="s:string"/></s:sequence></s:complexType>
  <s:complexType name="ArrayOfItem"><s:sequence><s:element maxOccurs="unbounded" name="Item" type="tns:Item"/></s:sequence></s:complexType>
  <s:complexType name="Item"><s:sequence><s:element name="name" type="s:string"/><s:element name="price" type="s:double"/>
   <s:element name="added" type="s:dateTime"/><s:element name="sold" type="s:boolean"/><s:element name="note" type="s:string"/></s:sequence></s:complexType>
 </s:schema></wsdl:types>
 <wsdl:message name="FindIn"><wsdl:part name="parameters" element="tns:Find"/></wsdl:message>
 <wsdl:message name="FindOut"><wsdl:part name="parameters" element="tns:FindResponse"/></wsdl:message>
 <wsdl:message name="TwoIn"><wsdl:part name="parameters" element="tns:Two"/></wsdl:message>
 <wsdl:message name="TwoOut"><wsdl:part name="parameters" element="tns:TwoResponse"/></wsdl:message>
 <wsdl:portType name="P">
  <wsdl:operation name="Find"><wsdl:input message="tns:FindIn"/><wsdl:output message="tns:FindOut"/></wsdl:operation>
  <wsdl:operation name="Two"><wsdl:input message="tns:TwoIn"/><wsdl:output message="tns:TwoOut"/></wsdl:operation>
 </wsdl:portType>
 <wsdl:binding name="B" type="tns:P"><soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
  <wsdl:operation name="Find"><soap:operation soapAction="urn:shop/Find"/><wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation>
  <wsdl:operation name="Two"><soap:operation soapAction="urn:shop/Two"/><wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation>
 </wsdl:binding>
 <wsdl:service name="Shop"><wsdl:port name="Q" binding="tns:B"><soap:address location="URL/soap"/></wsdl:port></wsdl:service>
</wsdl:definitions>`

// sums describes a service in rpc/encoded, as Axis did.
const sums = `<?xml version="1.0"?>
<definitions targetNamespace="urn:sums" xmlns:tns="urn:sums" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"
  xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns="http://schemas.xmlsoap.org/wsdl/">
 <types><xsd:schema targetNamespace="urn:sums"><xsd:complexType name="Ints"><xsd:complexContent><xsd:restriction base="soapenc:Array">
  <xsd:attribute ref="soapenc:arrayType" wsdl:arrayType="xsd:int[]"/></xsd:restriction></xsd:complexContent></xsd:complexType></xsd:schema></types>
 <message name="In"><part name="of" type="tns:Ints"/><part name="label" type="xsd:string"/></message>
 <message name="Out"><part name="sumReturn" type="xsd:anyType"/></message>
 <portType name="P"><operation name="sum"><input message="tns:In"/><output message="tns:Out"/></operation></portType>
 <binding name="B" type="tns:P"><soap:binding style="rpc" transport="http://schemas.xmlsoap.org/soap/http"/>
  <operation name="sum"><soap:operation soapAction=""/><input><soap:body use="encoded" namespace="urn:sums"/></input><output><soap:body use="encoded" namespace="urn:sums"/></output></operation></binding>
 <service name="Sums"><port name="Q" binding="tns:B"><soap:address location="URL/soap"/></port></service>
</definitions>`

// soapServer serves a description and answers calls; what it is sent goes to a channel.
func soapServer(t *testing.T, description string, answer func() (int, string)) (url string, sent chan string) {
	sent = make(chan string, 10)
	url = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprint(w, strings.Replace(description, "URL", "http://"+r.Host, 1))
			return
		}
		body, _ := io.ReadAll(r.Body)
		sent <- r.URL.Path + " " + r.Header.Get("SOAPAction") + " " + r.Header.Get("Content-Type") + " " + string(body)
		status, text := answer()
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	})
	return url, sent
}

func enveloped(body string) string {
	return `<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

func TestADocumentServiceIsCalledBeforeItIsDescribed(t *testing.T) {
	answer := `<FindResponse xmlns="urn:shop"><FindResult>
		<Item><name>Tea &amp; more</name><price>2.5</price><added>2010-02-03T04:05:06Z</added><sold>true</sold><note xsi:nil="true"/></Item>
		<Item><name>Cup</name><price>INF</price><added>2010-02-03</added><sold>0</sold><extra>1</extra></Item></FindResult></FindResponse>`
	url, sent := soapServer(t, shop, func() (int, string) { return 200, enveloped(answer) })
	w := newWorld(t, web.Options{})
	w.run(`
		var log = new Log(Log.VERBOSE, "shop");
		log.onLog = function (line) { say(line.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /, "").replace(/http:.*/, "URL")); };
		var ws = new WebService("%s/shop?wsdl", log);
		ws.mine = 5;
		ws.onLoad = function (wsdl) { say("loaded", wsdl.firstChild.nextSibling === null, this === ws); };
		var call = ws.Find("<tea>", 3, new Date(0), ["a", "b"], 1);
		say(call instanceof SOAPCall, call.request, call.response, ws.mine, typeof ws.onFault, ws.toString === Object.prototype.toString);
		call.onResult = function (list) {
			say(list.length, list[0].name, list[0].price, list[0].added.getTime(), list[0].sold, list[0].note, typeof list[0].price);
			say(list[1].price, list[1].added.getTime(), list[1].sold, list[1].extra, list[1].note);
			say(this === call, this.request.firstChild.nodeName, this.response instanceof XML);
		};
		call.onFault = function (f) { say("fault", f.faultstring); };
	`, url)
	w.hears("[INFO] shop: loading the description URL", "true undefined undefined 5 undefined true",
		"[INFO] shop: the service has 2 methods", "loaded false true", "[INFO] shop: calling Find", "[INFO] shop: result of Find",
		"2 Tea & more 2.5 1265169906000 true null number", "Infinity 1265155200000 false 1 undefined", "true SOAP-ENV:Envelope true")
	want := `/soap "urn:shop/Find" text/xml; charset=utf-8 <?xml version="1.0" encoding="utf-8"?>` +
		`<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:ns3="urn:shop"><SOAP-ENV:Body>` +
		`<ns3:Find><ns3:name>&lt;tea&gt;</ns3:name><ns3:most>3</ns3:most><ns3:since>1970-01-01T00:00:00.000Z</ns3:since><ns3:tags><ns3:string>a</ns3:string><ns3:string>b</ns3:string></ns3:tags><ns3:cheap>true</ns3:cheap></ns3:Find>` +
		`</SOAP-ENV:Body></SOAP-ENV:Envelope>`
	if got := <-sent; got != want {
		t.Errorf("\n%s instead of\n%s", got, want)
	}
	w.run(`
		log.level = Log.NONE;
		call = ws.Find({most: 1, since: null, tags: [], cheap: false});
		call.onResult = function () { say("done"); };
	`)
	w.hears("done")
	if got := <-sent; !strings.Contains(got, `<ns3:Find><ns3:most>1</ns3:most><ns3:since xsi:nil="true" /><ns3:tags /><ns3:cheap>false</ns3:cheap></ns3:Find>`) {
		t.Error(got)
	}
}

func TestSeveralResultsAreAnObject(t *testing.T) {
	url, _ := soapServer(t, shop, func() (int, string) {
		return 200, enveloped(`<r:TwoResponse xmlns:r="urn:shop"><r:a>1</r:a><r:b>2</r:b></r:TwoResponse>`)
	})
	w := newWorld(t, web.Options{})
	w.run(`
		var ws = new WebService("%s");
		ws.Two().onResult = function (r) { say(r.a + r.a, r.b + r.b); };
	`, url)
	w.hears("2 22")
}

func TestAnEncodedServiceIsCalled(t *testing.T) {
	answer := `<ns1:sumResponse xmlns:ns1="urn:sums"><sumReturn href="#id0"/></ns1:sumResponse>
		<multiRef id="id0" xsi:type="ns2:Result"><total xsi:type="xsd:int">6</total><ok xsi:type="xsd:boolean">true</ok><text>t</text>
			<list xsi:type="soapenc:Array" soapenc:arrayType="xsd:int[2]"><i xsi:type="xsd:int">1</i><i>2</i></list><self href="#id0"/><gone href="#id9"/></multiRef>`
	url, sent := soapServer(t, sums, func() (int, string) { return 200, enveloped(answer) })
	w := newWorld(t, web.Options{})
	w.run(`
		var ws = new WebService("%s");
		ws.onLoad = function () {
			this.sum([1, 2, 3], "x").onResult = function (r) {
				say(r.total + 1, r.ok, r.text, r.list instanceof Array, r.list.length, r.list[0] + 1, r.self.self.total, r.gone);
			};
		};
	`, url)
	w.hears("7 true t true 2 2 6 ")
	if got := <-sent; !strings.Contains(got, `<ns4:sum SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><of xsi:type="SOAP-ENC:Array" SOAP-ENC:arrayType="xsd:int[3]"><item xsi:type="xsd:int">1</item>`) ||
		!strings.Contains(got, `<label xsi:type="xsd:string">x</label></ns4:sum>`) {
		t.Error(got)
	}
}

func TestFaultsGoToTheCallOrElseToTheService(t *testing.T) {
	status, text := 500, enveloped(`<soap:Fault><faultcode>soap:Client</faultcode><faultstring>no &lt;tea&gt;</faultstring><faultactor>me</faultactor><detail><x>1</x></detail></soap:Fault>`)
	url, _ := soapServer(t, shop, func() (int, string) { return status, text })
	w := newWorld(t, web.Options{})
	w.run(`
		var ws = new WebService("%s");
		ws.onFault = function (f) { say("service", f.faultcode, f.faultstring, f instanceof SOAPFault); };
		function call(name) {
			var c = ws[name]();
			c.onFault = function (f) { say("call", f.faultcode, f.faultstring, f.faultactor, f.detail); };
			c.onResult = function (r) { say("result", r); };
		}
		call("Two");
	`, url)
	w.hears("call soap:Client no <tea> me <detail><x>1</x></detail>")
	w.run(`ws.Two()`)
	w.hears("service soap:Client no <tea> true")
	w.run(`call("Missing")`)
	w.hears("call Client.NoSuchMethod the service has no method Missing  undefined")
	status, text = 404, "not here"
	w.run(`call("Two")`)
	w.hears("call Server.Connection the server answered with status 404  undefined")
	status, text = 200, "<html/>"
	w.run(`call("Two")`)
	w.hears("call Server the service did not answer with a SOAP message  undefined")
	text = enveloped("")
	w.run(`call("Two")`)
	w.hears("result undefined")
}

func TestADescriptionThatCannotBeHadIsAFault(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html></html>") })
	w := newWorld(t, web.Options{})
	w.run(`
		var ws = new WebService("%s");
		ws.onLoad = function () { say("never"); };
		ws.onFault = function (f) { say("service", f.faultcode, f.faultstring); };
		ws.early().onFault = function (f) { say("call", f.faultcode); ws.late().onFault = function (f) { say("late", f.faultcode); }; };
	`, url)
	w.hears("service Server.Connection the description of the service could not be loaded: the service description is malformed: it has no definitions",
		"call Server.Connection", "late Server.Connection")
}

func TestParametersThatCannotBeWrittenAreFaults(t *testing.T) {
	url, _ := soapServer(t, strings.ReplaceAll(shop, "tns:ArrayOfString", "s:anyType"), func() (int, string) { return 200, enveloped("") })
	w := newWorld(t, web.Options{})
	w.run(`
		var ws = new WebService("%s");
		function attempt(v) { ws.Find("", 1, 0, v, true).onFault = function (f) { say(f.faultcode, f.faultstring); }; }
		var loop = {}; loop.loop = loop;
		attempt(loop);
		var bush = {};
		for (var i = 0; i < 40; i++) bush = {a: bush, b: bush};
		attempt(bush);
		attempt({get x() { throw new Error("mine"); }});
	`, url)
	w.hears("Client a parameter nests too deeply", "Client the parameters have too many values")
	if got := <-w.said; !strings.HasPrefix(got, "Client Error: mine") {
		t.Error(got)
	}
}

func TestReferencesDoNotMultiply(t *testing.T) {
	var b strings.Builder
	b.WriteString(`<r xmlns="urn:sums"><sumReturn href="#n0"/></r>`)
	for i := range 40 {
		fmt.Fprintf(&b, `<m id="n%d"><a href="#n%[2]d"/><b href="#n%[2]d"/></m>`, i, i+1)
	}
	url, _ := soapServer(t, sums, func() (int, string) { return 200, enveloped(b.String()) })
	w := newWorld(t, web.Options{})
	w.run(`new WebService("%s").sum([], "").onResult = function (r) { say(typeof r); };`, url)
	w.hears("object")
}

func TestLogsLeaveOutWhatIsAboveTheirLevel(t *testing.T) {
	w := newWorld(t, web.Options{})
	w.says(`
		var log = new Log();
		log.onLog = function (line) { say(line.substring(20)); };
		log.logInfo("one"); log.logInfo("two", Log.VERBOSE); log.logDebug("three");
		log = new Log(Log.DEBUG, "me");
		log.onLog = function (line) { say(line.substring(20)); };
		log.logDebug("four");
		new Log(Log.NONE).logInfo("five");
		say(Log.NONE, Log.BRIEF, Log.VERBOSE, Log.DEBUG);
	`, "[INFO] one", "[DEBUG] me: four", "-1 0 1 2")
}
