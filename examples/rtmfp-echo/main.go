// Command rtmfp-echo shows what package rtmfp can do, and tries other RTMFP programs: a server that sends everything back, a
// client that sends messages and says what became of them, and a redirector that leads clients to servers.
//
//	rtmfp-echo serve -listen 127.0.0.1:1935
//	rtmfp-echo send -flows 2 -messages 60 -size 4096 127.0.0.1:1935
//	rtmfp-echo redirect -listen 127.0.0.1:1936 127.0.0.1:1935
//
// The flags of each are listed by, for instance, rtmfp-echo send -help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rtmfp-echo:", err)
		os.Exit(1)
	}
}

// run runs what the arguments say until it is done or ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	mode := ""
	if len(args) > 0 {
		mode, args = args[0], args[1:]
	}
	switch mode {
	case "serve":
		return serve(ctx, args, out)
	case "send":
		return send(ctx, args, out)
	case "redirect":
		return redirect(ctx, args, out)
	}
	return errors.New("want serve, send or redirect first; -help after it tells more")
}
