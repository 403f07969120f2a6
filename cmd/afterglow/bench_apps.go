package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"afterglow/apps"
	"afterglow/cmd/afterglow/bench"
	"afterglow/cmd/afterglow/bench/appload"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
)

type benchSOCmd struct {
	appload.ObjectOptions `embed:""`
}

// Help is shown by afterglow bench so --help.
func (benchSOCmd) Help() string {
	return `Latency runs from one client's change to another's seeing it. The object may be one of any application.

Example:
  taskset -c 0 afterglow serve &
  taskset -c 1 afterglow bench so --url rtmp://127.0.0.1/live --pid "$(pidof -s afterglow)" -n 1000 --rate 10`
}

// Run measures and reports.
func (c *benchSOCmd) Run(ctx context.Context) error {
	r, err := appload.Objects(ctx, c.ObjectOptions, os.Stderr)
	return writeAppReport(r, c.JSON, err)
}

type benchCallsCmd struct {
	appload.CallOptions `embed:""`
}

// Help is shown by afterglow bench calls --help.
func (benchCallsCmd) Help() string {
	return `A client calls again when it has the answer. The application must have the method; echo, which comes with the server, has it.

Example:
  taskset -c 0 afterglow serve &
  taskset -c 1 afterglow bench calls --url rtmp://127.0.0.1/echo --pid "$(pidof -s afterglow)" -n 100

The same with an application written in Go, which needs no script:
  afterglow bench go-application`
}

// Run measures and reports.
func (c *benchCallsCmd) Run(ctx context.Context) error {
	r, err := appload.Calls(ctx, c.CallOptions, os.Stderr)
	return writeAppReport(r, c.JSON, err)
}

func writeAppReport(r *appload.Report, jsonTo string, err error) error {
	if r == nil || r.Seconds == 0 {
		return err
	}
	if e := bench.Write(r, jsonTo, os.Stdout); err == nil {
		err = e
	}
	return err
}

type benchGoApplicationCmd struct {
	Listen string `help:"Where it listens." default:"127.0.0.1:0" placeholder:"HOST:PORT"`
}

// Help is shown by afterglow bench go-application --help.
func (benchGoApplicationCmd) Help() string {
	return `Serves an application in Go whose method echo returns its argument, to compare scripts with.

Example:
  afterglow bench go-application --listen 127.0.0.1:1941 &
  afterglow bench calls --url rtmp://127.0.0.1:1941/echo -n 10 --duration 5s`
}

// goEcho is an application whose only method returns its argument.
type goEcho struct{ apps.Live }

func (goEcho) Call(_ *apps.Client, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
	a := netconn.CallAnswer{Err: netconn.ErrNoMethod}
	if r.Method == "echo" && len(r.Args) > 0 {
		a = netconn.CallAnswer{Value: r.Args[0]}
	}
	reply.Give(a)
}

// Run serves the application echo over RTMP until it is interrupted.
func (c *benchGoApplicationCmd) Run(ctx context.Context) error {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	server := apps.NewServer(apps.Options{Log: quiet})
	server.Register("echo", goEcho{})
	front := overrtmp.NewServer(server, overrtmp.Config{}, quiet)
	door := &rtmp.Server{Handler: front}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	fmt.Printf("rtmp://%s/echo, process %d\n", l.Addr(), os.Getpid())
	ended := make(chan error, 1)
	go func() { ended <- door.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		_ = door.Close()
		front.Wait()
		return nil
	}
}
