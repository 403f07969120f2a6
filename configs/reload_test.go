package configs

import (
	"testing"
	"time"
)

func TestReloadedKeepsWhatNeedsARestart(t *testing.T) {
	running, next := Default(), Default()
	for _, s := range []string{"rtmp.listen=:1", "rtmps.listen=:2", "data.dir=elsewhere", "log.format=json",
		"shutdown.time=3s", "log.level=debug", "applications.stage.maxClients=4"} {
		l := newLoader()
		l.config = next
		l.set([]string{s})
		if err := l.errors.sorted(); err != nil {
			t.Fatal(err)
		}
	}
	merged := Reloaded(running, next)
	for _, c := range Diff(running, merged) {
		if !c.Reloadable {
			t.Errorf("%s was taken over", c.Key)
		}
	}
	for _, c := range Diff(merged, next) {
		if c.Reloadable {
			t.Errorf("%s was not taken over", c.Key)
		}
	}
	if merged.Shutdown.Time != 3*time.Second || merged.Data.Dir != running.Data.Dir || *merged.Applications.Named["stage"].MaxClients != 4 {
		t.Errorf("got %+v", merged)
	}
	if next.Data.Dir != "elsewhere" {
		t.Error("the new configuration was changed")
	}
}
