package acceptance_test

import (
	"strings"
	"testing"
	"time"
)

// quick bounds scripts so that they need not be waited for.
func quick(set *setup) {
	set.config.Scripts.MaxTime = 500 * time.Millisecond
	set.config.Scripts.MaxMemory = 64 << 20
}

// Endless loops are interrupted, wherever they are; meanwhile all others are served.
func TestEndlessLoopIsInterrupted(t *testing.T) {
	overSockets(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`
application.onConnect = function (client, how) { while (how == "loop") {} return true; };
Client.prototype.forever = function () { try { for (;;) {} } catch (e) { trace("caught"); } finally { trace("finally"); } };
Client.prototype.timer = function () { var id = setInterval(function () { clearInterval(id); for (;;) { try { for (;;) {} } catch (e) {} } }, 1); };
`))
		others := s.neighbours()
		c := s.connect("bad")
		done := make(chan string, 1)
		go func() { _, err := c.Call(t.Context(), "forever"); done <- err.Error() }()
		others.fine()
		if lines := s.logged.take(); len(lines) > 0 {
			t.Errorf("the loop was over before the neighbours were answered: %q", lines)
		}
		if got := <-done; !strings.Contains(got, "NetConnection.Call.Failed") || !strings.Contains(got, "ran longer than 500ms") {
			t.Errorf("the caller gets %s", got)
		}
		logs(s, "ran longer than 500ms and was interrupted file=main.asc line=9")
		c.asks("3", "add", 1.0, 2.0)
		c.ask("timer")
		others.fine()
		logs(s, "ran longer")
		c.asks("true", "ticking")
		c.asks("3", "add", 1.0, 2.0)
		if got := s.rejected("bad/other", "loop"); !strings.Contains(got, "The application failed.") {
			t.Errorf("rejected with %s", got)
		}
		if more := s.traced.take(); len(more) > 0 {
			t.Errorf("the script goes on after its interruption: %q", more)
		}
	}, quick)
}

// One that runs away again and again is ended with its instance, and begins anew for who comes then.
func TestInstanceThatKeepsRunningAwayIsEnded(t *testing.T) {
	overSockets(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`Client.prototype.forever = function () { for (;;) {} };`))
		others := s.neighbours()
		c := s.connect("bad")
		for range 3 {
			c.tell("forever")
		}
		c.until("error NetConnection.Connect.AppShutdown ")
		c.until("closed")
		others.fine()
		s.gone("bad/_definst_")
		s.connect("bad").asks("3", "add", 1.0, 2.0)
	}, quick)
}

// The same at the top level: the application does not start, and is tried anew for who comes later.
func TestEndlessLoopAtTheTopKeepsClientsOut(t *testing.T) {
	overSockets(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`for (;;) {}`))
		others := s.neighbours()
		if got := s.rejected("bad"); !strings.Contains(got, "did not start") || !strings.Contains(got, "ran longer than 500ms") {
			t.Errorf("rejected with %s", got)
		}
		others.fine()
		s.script("bad/main.asc", good)
		s.gone("bad/_definst_")
		s.connect("bad").asks("3", "add", 1.0, 2.0)
	}, quick)
}

// A script that takes all memory is ended with its instance, whose clients are told; nobody else notices.
func TestInstanceThatTakesTooMuchMemoryIsEnded(t *testing.T) {
	overSockets(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`
application.onAppStop = function () { trace("stop"); };
application.onDisconnect = function () { trace("gone"); };
Client.prototype.text = function () { var a = "aaaaaaaaaaaaaaaa"; for (;;) { a += a; } };
Client.prototype.list = function () { var a = []; for (;;) { a.push([a.length]); } };
`))
		others := s.neighbours()
		for _, method := range []string{"text", "list"} {
			c := s.connect("bad")
			c.tell(method)
			c.until("error NetConnection.Connect.AppShutdown ")
			c.until("closed")
			others.fine()
			logs(s, "out of memory")
			s.gone("bad/_definst_")
		}
		if more := s.traced.take(); len(more) > 0 {
			t.Errorf("the dead script was told %q", more)
		}
		s.connect("bad").asks("3", "add", 1.0, 2.0)
	}, func(set *setup) {
		set.config.Scripts.MaxTime = 20 * time.Second
		set.config.Scripts.MaxMemory = 64 << 20
	})
}

// While one instance takes all memory, calls of others that take a while go on.
func TestMemoryThatOneTakesIsNotHeldAgainstOthers(t *testing.T) {
	overSockets(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`Client.prototype.list = function () { var a = []; for (;;) { a.push([a.length]); } };`))
		s.script("good/main.asc", good+`
Client.prototype.work = function () { var sum = 0; for (var i = 0; i < 100000; i++) { sum += i % 7; } return sum; };`)
		other := s.connect("good")
		for range 3 {
			c := s.connect("bad")
			c.tell("list")
			over := make(chan struct{})
			go func() {
				defer close(over)
				c.until("closed")
			}()
			for busy := true; busy; {
				select {
				case <-over:
					busy = false
				default:
					other.asks("299995", "work")
				}
			}
			s.gone("bad/_definst_")
		}
		if lines := strings.Join(s.logged.take(), "\n"); strings.Contains(lines, "good/") {
			t.Errorf("logged %s", lines)
		}
	}, func(set *setup) {
		set.config.Scripts.MaxTime = 20 * time.Second
		set.config.Scripts.MaxMemory = 64 << 20
	})
}
