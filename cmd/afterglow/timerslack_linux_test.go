package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

func TestTimersOfAllThreadsAreRelaxed(t *testing.T) {
	_ = relaxTimers() // so that threads which begin meanwhile inherit it
	if err := relaxTimers(); errors.Is(err, fs.ErrPermission) {
		t.Skip("takes CAP_SYS_NICE")
	} else if err != nil {
		t.Fatal(err)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		b, err := os.ReadFile("/proc/" + thread.Name() + "/timerslack_ns")
		if err != nil {
			continue // the thread has gone
		}
		if got := strings.TrimSpace(string(b)); got != "1000000" {
			t.Errorf("thread %s: %s ns", thread.Name(), got)
		}
	}
}
