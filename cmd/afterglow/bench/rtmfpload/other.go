//go:build !linux

package rtmfpload

import (
	"context"
	"errors"
	"io"
)

var errNeedsLinux = errors.New("bench rtmfp needs Linux: processes are bound to cores, and the kernel tells what it has done for them")

// Burst returns an error: only Linux has what the load needs.
func Burst(context.Context, BurstOptions, io.Writer) (*Report, error) { return nil, errNeedsLinux }

// Bulk returns an error, as Burst does.
func Bulk(context.Context, BulkOptions, io.Writer) (*Report, error) { return nil, errNeedsLinux }

// Handshake returns an error, as Burst does.
func Handshake(context.Context, HandshakeOptions, io.Writer) (*Report, error) {
	return nil, errNeedsLinux
}

// Idle returns an error, as Burst does.
func Idle(context.Context, IdleOptions, io.Writer) (*Report, error) { return nil, errNeedsLinux }

// Flood returns an error, as Burst does.
func Flood(context.Context, FloodOptions, io.Writer) (*Report, error) { return nil, errNeedsLinux }

// Floor returns an error, as Burst does.
func Floor(context.Context, FloorOptions, io.Writer) (*Report, error) { return nil, errNeedsLinux }

// Work returns an error, as Burst does.
func Work(context.Context, io.Reader, io.Writer) error { return errNeedsLinux }
