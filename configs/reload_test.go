package configs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

func TestReloadedKeepsWhatNeedsARestartOfApplications(t *testing.T) {
	with := func(set ...string) *Config {
		c, err := load("", nil, Sources{Set: set})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	running := with("applications.stays.maxClients=1", "applications.goes.scripts.isolation=process")
	next := with("applications.stays.scripts.isolation=process", "applications.stays.maxClients=2",
		"applications.stays.config={a: 1}", "applications.comes.scripts.isolation=process")
	merged := Reloaded(running, next)
	stays := merged.Application("stays")
	if stays.Scripts.Isolation != IsolationNone || stays.MaxClients != 2 || stays.Config["a"] != "1" {
		t.Errorf("an application that stays: %+v", stays)
	}
	if got := merged.Application("comes").Scripts.Isolation; got != IsolationProcess {
		t.Errorf("an application that comes: %v", got)
	}
	for _, c := range Diff(running, merged) {
		if !c.Reloadable {
			t.Errorf("%s was taken over", c.Key)
		}
	}
	want := []Change{{Key: "applications.stays.scripts.isolation", Old: notSet, New: "process"}}
	if diff := cmp.Diff(want, Diff(merged, next)); diff != "" {
		t.Errorf("waits for a restart (-want +got):\n%s", diff)
	}
	if next.Application("stays").Scripts.Isolation != IsolationProcess {
		t.Error("the new configuration was changed")
	}
}
