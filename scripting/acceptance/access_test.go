package acceptance_test

import (
	"fmt"
	"testing"

	"afterglow/netconn"
)

const granting = `
application.onConnect = function (client, read, write, audio, video) {
	trace(client.readAccess, client.writeAccess, "'" + client.audioSampleAccess + client.videoSampleAccess + "'");
	client.readAccess = read;
	client.writeAccess = write;
	if (audio != null) { client.audioSampleAccess = audio; client.videoSampleAccess = video; }
	return true;
};
Client.prototype.widen = function (read, write) { this.readAccess = read; this.writeAccess = write; return this.readAccess + this.writeAccess; };
Client.prototype.climb = function () { try { this.readAccess = "a\\b"; return "set"; } catch (e) { return this.readAccess; } };
`

// Scenario 11: readAccess and writeAccess are lists of paths that cover what is below them (server-side-api 4.1).
func TestAccessListsCoverWhatIsBelowTheirPaths(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", granting)
		for _, c := range []struct {
			list string
			may  []string
			not  []string
		}{
			{"/", []string{"a", "a/b", "mp4:a/b.f4v"}, nil},
			{"", nil, []string{"a", "a/b"}},
			{"media", []string{"media/x", "media/x/y", "media"}, []string{"mediax", "x/media", "other"}},
			{"/media/", []string{"media/x"}, []string{"other"}},
			{"/a/b;c/d", []string{"a/b/x", "c/d/x"}, []string{"a/x", "c/x", "b"}},
			{"protected", []string{"mp4:protected/x.f4v", "flv:protected/x"}, []string{"mp4:x.f4v", "x"}},
		} {
			for _, name := range c.may {
				p := connected(t, s, "app", c.list, c.list)
				s.traced.expect("/ / ''")
				p.CreateStream(1)
				p.Command(1, "play", 0, nil, name)
				p.Expect(begins(name)...)
				p.Command(1, "publish", 0, nil, name)
				p.Until(line("status", netconn.PublishStart, name+" is now published.", name))
				p.Cut()
			}
			for _, name := range c.not {
				p := connected(t, s, "app", c.list, c.list)
				s.traced.expect("/ / ''")
				p.CreateStream(1)
				p.Command(1, "play", 0, nil, name)
				p.Expect(line("error", netconn.PlayFailed, "No read access to "+name+".", name))
				p.Command(1, "publish", 0, nil, name)
				p.Expect(line("error", netconn.PublishBadName, "No write access to "+name+".", name))
				p.Cut()
			}
		}
	})
}

// Shared objects are followed with readAccess, and made and changed with writeAccess.
func TestAccessListsGuardSharedObjects(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", granting+`application.onAppStart = function () { this.o = SharedObject.get("both/there"); };`)
		c := s.connect("app", "read;both", "both")
		unreadable := c.follow("secret", false)
		unreadable.expect("error SharedObject.NoReadAccess secret")
		missing := c.follow("read/x", false)
		missing.expect("error SharedObject.ObjectCreationFailed read/x")
		there := c.follow("both/x", false)
		there.expect("clear")
		there.must(there.Set("k", 1.0))
		there.expect("success k")
		c.asks(`"bothread"`, "widen", "both", "read")
		there.must(there.Set("k", 2.0), there.Send("shout"))
		there.expect("reject k 2", "error SharedObject.NoWriteAccess both/x")
		there.until("error SharedObject.NoWriteAccess both/x")
		there.shows("{k: 1}")
		reader := s.connect("app", "both", "")
		read := reader.follow("both/there", false)
		read.expect("clear")
	})
}

// Rights may change while the client is there; a list with a backslash is none.
func TestAccessChangesWhileTheClientIsThere(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", granting)
		p := connected(t, s, "app", "", "")
		p.CreateStream(1)
		p.Command(1, "play", 0, nil, "x")
		p.Expect(line("error", netconn.PlayFailed, "No read access to x.", "x"))
		p.Call("widen", "x", "/")
		p.Expect(`0 _result 2 null "x/"`)
		p.Command(1, "play", 0, nil, "x")
		p.Expect(begins("x")...)
		p.Call("climb")
		p.Expect(`0 _result 3 null "x"`)
	})
}

// Sample access is said before the media of each stream (server-side-api 4.2).
func TestSampleAccessIsSaidBeforeTheMedia(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", granting)
		for _, c := range []struct {
			audio, video string
			may          [2]bool
		}{{"/", "/", [2]bool{true, true}}, {"", "/", [2]bool{false, true}}, {"open", "closed", [2]bool{true, false}}, {"", "", [2]bool{}}} {
			p := connected(t, s, "app", "/", "/", c.audio, c.video)
			p.CreateStream(1)
			p.Command(1, "play", 0, nil, "open/x")
			p.Until(started("open/x"))
			p.Expect(fmt.Sprintf("1 data @0 |RtmpSampleAccess %t %t", c.may[0], c.may[1]))
		}
	})
}
