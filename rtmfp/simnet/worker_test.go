package simnet

import (
	"slices"
	"testing"
	"time"
)

func TestWorkerComputesAtOnceAndIsDoneLater(t *testing.T) {
	n := New(1)
	p := attach(n.NewHost(alice))
	p.host.SetWorker(10*time.Millisecond, 5)
	n.RunFor(time.Second)
	var done []time.Duration
	computed := 0
	for range 3 {
		accepted := p.host.Worker().Do(func() { computed++ }, func() {
			done = append(done, time.Duration(n.Now()))
			p.timer = n.Now().Add(time.Hour)
		})
		if !accepted {
			t.Fatal("refused")
		}
	}
	if computed != 3 || len(done) != 0 {
		t.Fatalf("%d computed, %d done", computed, len(done))
	}
	n.RunFor(time.Minute)
	if want := []time.Duration{1010 * time.Millisecond, 1020 * time.Millisecond, 1030 * time.Millisecond}; !slices.Equal(done, want) {
		t.Errorf("done at %v", done)
	}
	if len(p.polled) != 3 {
		t.Errorf("polled %d times", len(p.polled))
	}
	n.RunFor(time.Hour)
	if len(p.polled) != 4 {
		t.Error("the timer that done set was not armed")
	}
}

func TestWorkerRefusesWhatIsTooMuch(t *testing.T) {
	n := New(1)
	p := attach(n.NewHost(alice))
	p.host.SetWorker(time.Second, 2)
	ran := 0
	try := func() bool { return p.host.Worker().Do(func() { ran++ }, func() { ran++ }) }
	if !try() || !try() || try() {
		t.Fatal("the limit is not 2")
	}
	n.RunFor(time.Second)
	if ran != 3 {
		t.Fatalf("%d calls", ran)
	}
	if !try() || try() {
		t.Fatal("one is done, so that one fits")
	}
	n.RunFor(time.Minute)
	if ran != 6 {
		t.Fatalf("%d calls", ran)
	}
}

func TestWorkerWithoutDelayIsDoneAtThisInstantButNotWithinTheCall(t *testing.T) {
	n := New(1)
	p := attach(n.NewHost(alice))
	done := false
	p.host.Do(func() {
		p.host.Worker().Do(func() {}, func() { done = true })
		if done {
			t.Error("done within the call")
		}
	})
	n.RunFor(0)
	if !done {
		t.Error("not done")
	}
}
