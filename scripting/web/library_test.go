package web_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"afterglow/scripting/web"
)

// connection stands in for NetConnection: it says what is called, and keeps the responder.
const connection = `
	function NetConnection() {}
	NetConnection.prototype.connect = function (url) { say("connect", url); };
	NetConnection.prototype.addHeader = function (name, must, v) { say("header", name, must, v.userid, v.password); };
	NetConnection.prototype.call = function (method, responder) {
		var rest = [];
		for (var i = 2; i < arguments.length; i++) rest.push(arguments[i]);
		say("call", method, rest);
		this.responder = responder;
		return true;
	};
	function trace(text) { say("trace", text); }
`

func (w *world) load(name string) {
	w.t.Helper()
	source, err := fs.ReadFile(web.Library(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	w.do(func() {
		if err := w.engine.Run(name, string(source)); err != nil {
			w.t.Error(err)
		}
	})
}

func TestTheLibraryHasItsFiles(t *testing.T) {
	if err := fstest.TestFS(web.Library(), "netservices.asc", "webservices/WebServices.asc"); err != nil {
		t.Error(err)
	}
	w := newWorld(t, web.Options{})
	w.load("WebServices/webservices.asc")
	w.says(`say(typeof WebService, typeof SOAPCall, typeof SOAPFault, typeof Log)`, "function function function function")
	if _, err := fs.ReadFile(web.Library(), "none.asc"); err == nil {
		t.Error("none.asc is there")
	}
}

func TestNetServicesCallMethodsByName(t *testing.T) {
	w := newWorld(t, web.Options{})
	w.run(connection)
	w.load("NetServices.asc")
	w.says(`
		say(NetServices.createGatewayConnection());
		NetServices.setDefaultGatewayUrl("http://127.0.0.1/gateway");
		var nc = NetServices.createGatewayConnection();
		nc.setCredentials("me", "secret");
		var listener = {find_Result: function (r) { say("found", r, this === listener); }, onStatus: function (s) { say("status", s); }};
		var users = nc.getService("db.users", listener);
		say(users.find("ann", 3), users.serviceName, users.find === users.find);
		nc.responder.onResult("x");
		nc.responder.onStatus("y");
		users.remove();
		nc.responder.onResult("z");
		var plain = nc.getService("db.users"), taker = {onResult: function () {}};
		plain.find(taker, "bob");
		say(nc.responder === taker);
		plain.find("bob");
	`, "trace NetServices: createGatewayConnection: there is no URL of a gateway", "null",
		"connect http://127.0.0.1/gateway", "header Credentials false me secret",
		"call db.users.find ann,3", "true db.users true", "found x true", "status y",
		"call db.users.remove ", "trace NetServices: db.users.remove: nobody listens for remove_Result",
		"call db.users.find bob", "true", "trace NetServices: db.users.find: there is no responder", "call db.users.find bob")
}

func TestRecordSetsAreRead(t *testing.T) {
	w := newWorld(t, web.Options{})
	w.run(connection)
	w.run(`var application = {registerClass: function (name, made) { say(name, made === RecordSet); }};`)
	w.load("netservices.asc")
	w.hears("RecordSet true")
	w.says(`
		var r = new RecordSet();
		r.serverInfo = {totalCount: 3, columnNames: ["id", "name"], initialData: [[1, "ann"], [2, "bob"]]};
		say(r.getLength(), r.getNumberAvailable(), r.isFullyPopulated(), r.getColumnNames(), r.getItemAt(1).name, r.getItemAt(2));
		var own = new RecordSet(["a"]);
		own.addItem({a: 5});
		say(own.getLength(), own.getItemAt(0).a, own.isFullyPopulated());
	`, "3 2 false id,name bob null", "1 5 true")
}
