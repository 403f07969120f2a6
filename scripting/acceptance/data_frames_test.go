package acceptance_test

import (
	"testing"

	"afterglow/amf"
	"afterglow/netconn/netconntest"
)

// Scenario 9: what a publisher sets as a data frame is relayed without that word and kept for those who come later, until
// it is cleared (server-side-api 3.5.4).
func TestDataFramesAreKeptForThoseWhoComeLater(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", accepting)
		publisher := connected(t, s, "app")
		publisher.CreateStream(1)
		publisher.Command(1, "publish", 0, nil, "x", "live")
		publisher.Until("1 onStatus ")
		watching := func() *netconntest.Peer {
			p := playing(t, s)
			p.Command(1, "play", 0, nil, "x")
			p.Expect(begins("x")...)
			return p
		}
		early := watching()
		meta := amf.NewECMAArray(amf.Property{Name: "width", Value: 320.0})
		publisher.Data(1, 0, "@setDataFrame", "onMetaData", meta)
		publisher.Data(1, 0, "@setDataFrame", "onShow", "name")
		publisher.Data(1, 40, "onCuePoint", "passing")
		early.Expect(`1 data @0 onMetaData [width: 320]`, `1 data @0 onShow "name"`, `1 data @40 onCuePoint "passing"`)
		late := watching()
		late.Expect(`1 data @40 onMetaData [width: 320]`, `1 data @40 onShow "name"`) // at the stream's present time
		late.ExpectNothing()
		publisher.Data(1, 80, "@setDataFrame", "onMetaData", amf.NewECMAArray(amf.Property{Name: "width", Value: 640.0}))
		early.Expect(`1 data @80 onMetaData [width: 640]`)
		late.Expect(`1 data @80 onMetaData [width: 640]`)
		publisher.Data(1, 120, "@clearDataFrame", "onShow")
		publisher.ExpectNothing()
		early.ExpectNothing() // the word itself is relayed to nobody
		last := watching()
		last.Until(`1 data @80 onMetaData [width: 640]`)
		last.ExpectNothing()
	})
}

// The script sends data to everybody who plays a name, and sets data frames of it.
func TestScriptSendsDataOnAStream(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
application.onPublish = function (client, stream) {
	trace(stream.send("@setDataFrame", "onMetaData", {title: "of the script", n: 1}), stream.send("onNews", "now", [1]));
};
Client.prototype.news = function (x) { return Stream.get("x").send("onNews", x, {a: 1}); };
Client.prototype.forget = function () { return Stream.get("x").send("@clearDataFrame", "onMetaData"); };
`)
		c := s.connect("app")
		early := c.play("x")
		c.publish("x")
		s.traced.expect("true true")
		early.set("status NetStream.Play.PublishNotify x is now published.", `0 data @0 onMetaData {title: "of the script", n: 1}`, `0 data @0 onNews "now" [1]`)
		late := c.play("x")
		late.until(`0 data @0 onMetaData {title: "of the script", n: 1}`)
		c.asks("true", "news", "later")
		for _, one := range []*stream{early, late} {
			if got := one.until("0 data @"); !endsWith(got, ` onNews "later" {a: 1}`) {
				t.Errorf("got %s", got)
			}
		}
		c.ask("forget")
		last := c.play("x")
		last.nothing()
	})
}

func endsWith(s, end string) bool { return len(s) >= len(end) && s[len(s)-len(end):] == end }
