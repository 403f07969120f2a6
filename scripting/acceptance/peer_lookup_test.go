package acceptance_test

import (
	"fmt"
	"testing"

	"afterglow/apps"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
)

// The script is asked about introductions of RTMFP peers: it denies them, sends the initiator elsewhere, or leaves them to
// the server (server-side-api 2.2, 2.3).
func TestScriptDecidesOnPeerLookups(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
application.onPeerLookup = function (e) {
	trace(this === application, e.targetPeerID, e.initiatorAddress, e.initiatorPeerID === application.clients[0].farID);
	switch (e.targetPeerID) {
	case "deny": trace(application.denyPeerLookup(e), application.denyPeerLookup(e)); return;
	case "redirect": trace(application.sendPeerRedirect(["192.0.2.7:1935", "[2001:db8::1]:5000", "nonsense"], e)); return;
	case "nowhere": trace(application.sendPeerRedirect(["nonsense"], e)); return;
	case "introduce": trace(application.clients[0].introducePeer(e.initiatorPeerID, e.initiatorAddress, e.tag)); return;
	case "throw": throw new Error("no");
	}
};
`)
		s.connect("app")
		clients := make(chan []*apps.Client, 1)
		i := s.instance("app/_definst_")
		i.Do(func() { clients <- i.Clients() })
		c := netconntest.Await(t, "client", clients)[0]
		for _, test := range []struct{ peer, traced, want string }{
			{"deny", "true false", "[] the application denies the lookup"},
			{"redirect", "true", "[192.0.2.7:1935 [2001:db8::1]:5000] <nil>"},
			{"nowhere", "false", "[] <nil>"},
			{"introduce", "true", "[] <nil>"},
			{"leave", "", "[] <nil>"},
			{"throw", "", "[] <nil>"},
		} {
			answer := make(chan netconn.IntroduceAnswer, 1)
			s.Introduce(netconn.IntroduceRequest{From: c.Conn, To: c.Conn, Address: "198.51.100.9:4000", PeerID: test.peer},
				netconn.NewReply(func(a netconn.IntroduceAnswer) { answer <- a }))
			a := netconntest.Await(t, "answer", answer)
			if got := fmt.Sprint(a.Redirect, " ", a.Err); got != test.want {
				t.Errorf("%s: %s, want %s", test.peer, got, test.want)
			}
			s.traced.expect("true " + test.peer + " 198.51.100.9:4000 true")
			if test.traced != "" {
				s.traced.expect(test.traced)
			}
		}
	})
}

// Clients over RTMFP have identities and addresses, which others leave empty.
func TestClientObjectHasThePropertiesOfItsTransport(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
application.onConnect = function (client) {
	trace(client.protocol, client.farID.length, client.nearID.length, client.farNonce.length, client.nearNonce.length, client.farAddress != "", client.nearAddress != "");
	return true;
};
`)
		s.connect("app")
		want := "rtmp 0 0 0 0 false false"
		if s.net.Manner().Lanes {
			want = "rtmfp 64 64 64 64 true true"
		}
		s.traced.expect(want)
	})
}
