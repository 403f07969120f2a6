package web_test

import (
	"strings"
	"testing"

	"github.com/dop251/goja"

	"afterglow/scripting/web"
)

func TestTheTreeIsReadWithItsProperties(t *testing.T) {
	w := newWorld(t, web.Options{})
	w.says(`
		var x = new XML("<?xml version='1.0'?><!DOCTYPE a><a b='1'><p:c xmlns:p='u:1'>t</p:c><d/></a>");
		var a = x.firstChild, c = a.firstChild;
		say(x.xmlDecl, x.docTypeDecl, x.status, x.nodeName, x.nodeType, x.nodeValue, x.parentNode);
		say(a.nodeName, a.nodeType, a.nodeValue, a.attributes.b, a.parentNode === x, a.hasChildNodes());
		say(c.nodeName, c.prefix, c.localName, c.namespaceURI, c.nextSibling.nodeName, c.previousSibling);
		say(c.firstChild.nodeType, c.firstChild.nodeValue, c.firstChild.nodeName, c.firstChild.prefix, c.firstChild.namespaceURI);
		say(a.lastChild.nodeName, a.lastChild.nextSibling, a.lastChild.prefix === "", a.lastChild.namespaceURI === "", a.lastChild.hasChildNodes());
		say(c.getNamespaceForPrefix("p"), c.getPrefixForNamespace("u:1"), a.getNamespaceForPrefix("p"), a.getPrefixForNamespace("u:1"));
	`, "<?xml version='1.0'?> <!DOCTYPE a> 0 null 1 null null",
		"a 1 null 1 true true",
		"p:c p c u:1 d null",
		"3 t null null null",
		"d null true true false",
		"u:1 p null null")
}

func TestANodeIsAlwaysTheSameObject(t *testing.T) {
	w := newWorld(t, web.Options{})
	w.says(`
		var x = new XML("<a><b/><c/></a>"), a = x.firstChild;
		a.mine = "kept";
		say(x.firstChild === x.childNodes[0], a.childNodes === a.childNodes, a.firstChild.nextSibling === a.childNodes[1]);
		say(x.childNodes[0].mine, a instanceof XMLNode, x instanceof XML, x instanceof XMLNode, a instanceof XML, a.childNodes instanceof Array);
	`, "true true true", "kept true true true false true")
}

func TestChildNodesIsAnArrayThatFollowsTheTree(t *testing.T) {
	w := newWorld(t, web.Options{})
	w.says(`
		var x = new XML("<a><b/><c/><d/></a>"), a = x.firstChild, kids = a.childNodes, names = [];
		for (var i in kids) names.push(i + kids[i].nodeName);
		say(names, kids.length, kids.concat([1]).length, kids.slice(1).join("|"));
		a.appendChild(x.createElement("e"));
		kids[0].removeNode();
		say(kids.length, kids[0].nodeName, kids[2].nodeName, kids[3]);
		kids.sort(function (p, q) { return p.nodeName < q.nodeName ? 1 : -1; });
		say(kids.join(""), a);
		var n, shifted = "";
		while (n = kids.shift()) shifted += n.nodeName;
		say(shifted, kids.length, a);
		a.appendChild(x.createElement("f"));
		say(kids.join(""));
		kids.length = 4e9; kids[4e9] = 1;
		while (a.childNodes.length > 0) a.childNodes[0].removeNode();
		say(x, kids.length);
	`, "0b,1c,2d 3 4 <c />|<d />", "3 c e undefined", "<e /><d /><c /> <a><c /><d /><e /></a>",
		"edc 0 <a><c /><d /><e /></a>", "<c /><d /><e /><f />", "<a /> 0")
}

func TestAttributesAreAPlainObject(t *testing.T) {
	w := newWorld(t, web.Options{})
	w.says(`
		var x = new XML("<a z='1' b='2'/>"), a = x.firstChild, list = [];
		a.attributes.n = 5; a.attributes["x:y"] = "<'>"; delete a.attributes.b; a.attributes.z++;
		for (var i in a.attributes) list.push(i + "=" + a.attributes[i]);
		say(list, a.attributes.b, "z" in a.attributes, a.attributes.hasOwnProperty("n"), a.attributes === a.attributes);
		say(x);
		a.attributes = {p: 1, q: true};
		say(x, a.attributes.p, x.createTextNode("t").attributes.x);
	`, "z=2,n=5,x:y=<'> undefined true true true", `<a z="2" n="5" x:y="&lt;&apos;&gt;" />`, `<a p="1" q="true" /> 1 undefined`)
}

func TestTreesAreBuiltByHand(t *testing.T) {
	w := newWorld(t, web.Options{})
	w.says(`
		var x = new XML(), root = x.createElement("r");
		x.appendChild(root);
		root.appendChild(x.createTextNode("1 < 2"));
		root.insertBefore(new XMLNode(1, "first"), root.firstChild);
		root.insertBefore(new XMLNode(3, "last"), null);
		root.insertBefore(new XMLNode(3, "never"), x);
		root.insertBefore(new XMLNode(3, "never"), "one");
		root.appendChild("nothing"); root.appendChild();
		say(x);
		root.firstChild.nodeName = "one"; root.lastChild.nodeValue = "&"; root.firstChild.nodeValue = "ignored"; root.lastChild.nodeName = "ignored";
		x.xmlDecl = "<?xml version=\"1.0\"?>"; x.docTypeDecl = "<!DOCTYPE r>";
		say(x);
		var deep = root.cloneNode(true), flat = root.cloneNode(false);
		root.removeNode();
		say(x.childNodes.length, deep, flat, deep.parentNode, deep.firstChild === root.firstChild);
		root.firstChild.appendChild(root);
		say(root.parentNode);
	`, `<r><first />1 &lt; 2last</r>`, `<?xml version="1.0"?><!DOCTYPE r><r><one />1 &lt; 2&amp;</r>`,
		"0 <r><one />1 &lt; 2&amp;</r> <r /> null false", "null")
}

func TestParseXMLReplacesTheDocumentAndSetsItsStatus(t *testing.T) {
	w := newWorld(t, web.Options{})
	w.says(`
		var x = new XML("<?xml version='1.0'?><old/>"), kids = x.childNodes;
		x.ignoreWhite = true;
		x.parseXML("<a> <b> x </b>\n</a>");
		say(x, x.xmlDecl, kids[0] === x.firstChild, x.status, x.loaded);
		var statuses = [];
		var texts = ["<a", "<a>", "</a>", "<a b>", "<!--", "<![CDATA[", "<?xml ", "<!DOCTYPE", ""];
		for (var i = 0; i < texts.length; i++) { x.parseXML(texts[i]); statuses.push(x.status); }
		say(statuses);
		XML.prototype.ignoreWhite = true;
		say(new XML("<a> <b/> </a>"));
	`, "<a><b> x </b></a> undefined true 0 undefined", "-6,-9,-10,-8,-5,-2,-3,-4,0", "<a><b /></a>")
}

func TestMethodsOfDocumentsAreRefusedOnOtherNodes(t *testing.T) {
	w := newWorld(t, web.Options{})
	w.says(`
		var n = new XMLNode(1, "a");
		try { XML.prototype.load.call(n, "http://127.0.0.1/"); } catch (e) { say(e.message); }
		try { XML.prototype.parseXML.call({}, ""); } catch (e) { say(e instanceof TypeError); }
		say(XML.prototype.status, n.status);
	`, "XML.load was called on a node that is no document", "true", "undefined undefined")
}

func TestScriptsExtendTheClasses(t *testing.T) {
	w := newWorld(t, web.Options{})
	w.says(`
		XMLNode.prototype.shout = function () { return this.nodeName.toUpperCase(); };
		XML.prototype.root = function () { return this.firstChild; };
		function Mine() {}
		Mine.prototype = new XML();
		var m = new Mine();
		m.parseXML("<a/>");
		say(new XML("<b/>").root().shout(), m.firstChild.shout(), m instanceof XML);
	`, "B A true")
}

func TestXMLTravelsAsText(t *testing.T) {
	w := newWorld(t, web.Options{})
	w.do(func() {
		if _, ok := w.classes.XMLText(w.engine.VM.NewObject()); ok {
			t.Error("an object is no XML")
		}
		o := w.classes.XML("<a> <b/></a>")
		if text, ok := w.classes.XMLText(o); !ok || text != "<a> <b /></a>" {
			t.Error(text, ok)
		}
		node := o.Get("firstChild").(*goja.Object)
		if text, ok := w.classes.XMLText(node); !ok || !strings.HasPrefix(text, "<a>") {
			t.Error(text, ok)
		}
	})
	w.says(`say(typeof XML, typeof XMLNode)`, "function function")
}

func TestADeepDocumentDoesNoHarm(t *testing.T) {
	w := newWorld(t, web.Options{})
	w.says(`
		var text = "<a>";
		for (var i = 0; i < 22; i++) text += text;
		var x = new XML(text);
		say(text.length > 1e7, x.status, x.toString().length > 1e6, x.cloneNode(true).toString() == x.toString());
	`, "true -7 true true")
}
