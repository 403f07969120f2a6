//go:build !linux

package bench

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"time"
)

var errNeedsLinux = errors.New("bench needs Linux: players are states of an epoll loop, and a server's processor time is read from /proc")

// Run returns an error: only Linux has what the load generator needs.
func Run(context.Context, Options, io.Writer) (*Report, error) { return nil, errNeedsLinux }

// Floor returns an error, as Run does.
func Floor(context.Context, Options, time.Duration, *exec.Cmd, io.Writer) (*Report, error) {
	return nil, errNeedsLinux
}

// ServeFloor returns an error, as Run does.
func ServeFloor(context.Context, time.Duration, io.Writer) error { return errNeedsLinux }

var clockStart = time.Now()

func monotonic() int64 { return int64(time.Since(clockStart)) }
