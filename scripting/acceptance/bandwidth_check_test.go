package acceptance_test

import (
	"strings"
	"testing"

	"afterglow/amf"
	"afterglow/netconn"
)

const checking = `
application.onConnect = function (client, check) {
	application.acceptConnection(client);
	if (check) { trace(client.checkBandwidth()); }
};
`

// Scenario 13: a client that answers onBWCheck learns how fast it is, whether it asks or the script (server-side-api 3.7).
func TestBandwidthIsMeasuredWithAClientThatAnswers(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", checking)
		c := s.connect("app")
		sizes := []int{}
		c.answer("onBWCheck", func(args []amf.Value) (amf.Value, error) {
			size := 0
			if len(args) > 0 {
				text, _ := args[0].(string)
				size = len(text)
			}
			sizes = append(sizes, size)
			return 0.0, nil
		})
		c.answer("onBWDone", func([]amf.Value) (amf.Value, error) { return nil, nil })
		c.asks("undefined", "checkBandwidth")
		done := c.until("onBWDone(")
		if fields := strings.Split(done, ", "); len(fields) != 4 {
			t.Errorf("the measurement ends with %s", done)
		}
		for n, size := range sizes {
			if size != n*16384 {
				t.Errorf("payload %d has %d bytes", n, size)
			}
		}
		if len(sizes) < 2 {
			t.Errorf("%d payloads", len(sizes))
		}
	})
}

// ffmpeg and others know neither method: nothing of theirs is held up, and the connection goes on.
func TestBandwidthOfAClientThatDoesNotAnswerHurtsNobody(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", checking)
		c := s.connect("app", true) // the script asks
		s.traced.expect("true")
		c.until("onBWCheck(")
		c.until("onBWDone(")
		c.take()
		c.asks("error NetConnection.Call.Failed Method not found (nothing).", "nothing")

		mute := connected(t, s, "app")
		mute.Call("_checkbw") // as librtmp does
		mute.Until("0 _onbwcheck ")
		mute.Until("0 _onbwdone 0 null ") // in the end, without an answer to anything
		mute.CreateStream(1)
		mute.Command(1, "publish", 0, nil, "x")
		mute.Until(line("status", netconn.PublishStart, "x is now published.", "x"))
	})
}

// A method of that name of the script's own comes first.
func TestScriptsHaveTheirOwnBandwidthCheck(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
Client.prototype.checkBandwidth = function () { return this.calculate(); };
Client.prototype.calculate = function () { this.call("onBWDone", null, 1234); return "own"; };
`)
		c := s.connect("app")
		c.asks(`"own"`, "checkBandwidth")
		c.expect("onBWDone(1234)")
	})
}
