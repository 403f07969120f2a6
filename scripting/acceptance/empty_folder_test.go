package acceptance_test

import (
	"os"
	"testing"

	"afterglow/netconn/netconntest"
)

// Scenario 1: a folder without a script is an application that lets everybody in; without the folder there is none
// (server-side-api 1.1).
func TestEmptyFolderIsAnApplicationUntilItIsRemoved(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		dir := s.folder("plain")
		publisher, viewer := s.connect("plain/room"), s.connect("plain/room")
		seen := viewer.play("x")
		out := publisher.publish("x?key=" + key)
		seen.expect("status NetStream.Play.PublishNotify x is now published.")
		netconntest.Write(t, out.ClientStream, keyframe(0))
		seen.expect("0 video @0 1701000000AA")
		publisher.leave()
		seen.expect("status NetStream.Play.UnpublishNotify x is now unpublished.")
		viewer.leave()
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		got := s.rejected("plain/room")
		want := `{level: "error", code: "NetConnection.Connect.Rejected", ` +
			`description: "[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (plain) is not defined."}`
		if got != want {
			t.Errorf("rejected with\n%s, want\n%s", got, want)
		}
	})
}
