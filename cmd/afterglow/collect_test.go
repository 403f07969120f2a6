package main

import (
	"context"
	"runtime"
	"testing"
	"time"
)

func TestIdleServerCollectsItsGarbage(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		collectWhenIdle(ctx, time.Millisecond)
	}()
	defer func() { cancel(); <-done }()
	collected := make(chan struct{})
	runtime.AddCleanup(new([1 << 20]byte), func(c chan struct{}) { close(c) }, collected)
	select {
	case <-collected:
	case <-time.After(patience):
		t.Error("garbage was not collected")
	}
}
