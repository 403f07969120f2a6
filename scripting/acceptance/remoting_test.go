package acceptance_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"afterglow/amf"
)

// gateway answers one call of a Flash Remoting envelope: "yes" for the user Ann, an error for everybody else.
func gateway(t *testing.T) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		time.Sleep(3 * time.Second)
		b, _ := io.ReadAll(r.Body)
		for _, part := range []string{"users.check", "/1"} {
			if !bytes.Contains(b, []byte(part)) {
				t.Errorf("the envelope % X has no %s", b, part)
			}
		}
		target, value := "/1/onStatus", amf.Value(amf.NewObject(amf.Property{Name: "code", Value: "Unknown"}, amf.Property{Name: "description", Value: "who?"}))
		if bytes.Contains(b, []byte("Ann")) {
			target, value = "/1/onResult", amf.NewObject(amf.Property{Name: "may", Value: true}, amf.Property{Name: "id", Value: 7.0})
		}
		body, err := amf.Append0(nil, value)
		if err != nil {
			return nil, err
		}
		text := func(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }
		answer := append([]byte{0, 0, 0, 0, 0, 1}, text(target)...)
		answer = append(answer, text("null")...)
		answer = append(binary.BigEndian.AppendUint32(answer, uint32(len(body))), body...)
		return &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{"Content-Type": {"application/x-amf"}},
			Body: io.NopCloser(bytes.NewReader(answer)), Request: r}, nil
	}
}

// A pattern of the field: onConnect asks a service behind a gateway, with the library that Adobe shipped, and its answer
// accepts or rejects (server-side-api 2.2, 2.6).
func TestAnswerOfARemotingServiceAcceptsAPendingClient(t *testing.T) {
	for _, script := range []string{`
load("netservices.asc");
application.onAppStart = function () { this.users = NetServices.createGatewayConnection("http://gateway.example/amf"); };
application.onConnect = function (client, name) {
	this.users.getService("users", {
		check_Result: function (answer) { client.account = answer.id; answer.may ? application.acceptConnection(client) : application.rejectConnection(client); },
		check_Status: function (info) { application.rejectConnection(client, info.description); }
	}).check(name);
};
Client.prototype.id = function () {};
Client.prototype.getAccount = function () { return this.account; };
`, `
application.onConnect = function (client, name) {
	var nc = new NetConnection();
	nc.connect("http://gateway.example/amf");
	nc.call("users.check", {
		onResult: function (answer) { client.account = answer.id; application.acceptConnection(client); },
		onStatus: function (info) { application.rejectConnection(client, info.description); }
	}, name);
};
Client.prototype.getAccount = function () { return this.account; };
`} {
		over(t, func(t *testing.T, s *server) {
			s.script("app/main.asc", script)
			s.connect("app/1", "Ann").asks("7", "getAccount")
			if got := s.rejected("app/2", "Eve"); !strings.Contains(got, `description: "who?"`) {
				t.Errorf("rejected with %s", got)
			}
		}, func(set *setup) { set.scripts.HTTP = &http.Client{Transport: gateway(t)} })
	}
}
