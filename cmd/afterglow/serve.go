package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"afterglow/scripting/engine"
)

// ServeCmd runs the server.
type ServeCmd struct {
	settings
}

// Help is shown by afterglow serve --help.
func (ServeCmd) Help() string {
	return `Examples:
  afterglow serve
  afterglow serve --set rtmp.listen=:1936 --set metrics.listen=127.0.0.1:1937
  AFTERGLOW_LOG_LEVEL=debug afterglow serve --config /etc/afterglow.yaml

SIGHUP reads the configuration again and says in the log what changed. SIGTERM and SIGINT tell the clients, let them go
and end; a second one ends at once.`
}

// collectOften trades a little processor time for memory: a server's garbage is mostly payloads, which cost the
// collector nothing to look at. GOGC in the environment overrules it.
func collectOften() {
	const percent = 50
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// backtracking is how long a script's regular expression may backtrack.
const backtracking = 5 * time.Second

// Run serves until ctx ends or a listener fails.
func (c *ServeCmd) Run(ctx context.Context) error {
	collectOften()
	engine.LimitRegexps(backtracking)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	n, err := newNode(c.sources(), os.Stderr)
	if err != nil {
		return err
	}
	if err := n.start(); err != nil {
		n.endApplications()
		return err
	}
	n.banner(os.Stdout)
	if err := relaxTimers(); err != nil {
		n.log.Debug("timers are more exact than they need be", "error", err)
	}
	go collectWhenIdle(ctx, idleCollection)
	return n.run(ctx, hangup)
}
