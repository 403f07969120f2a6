// Afterglow is an open replacement for Adobe Media Server.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line: one field for each sub-command, which has a file of its own.
type cli struct {
	Serve   ServeCmd   `cmd:"" help:"Run the server in the foreground."`
	Publish PublishCmd `cmd:"" help:"Publish an FLV file in real time."`
	Play    PlayCmd    `cmd:"" help:"Play a live stream into a file."`
}

const description = `Afterglow streams to and from Flash and everything else that speaks RTMP.

  afterglow serve                                                run the server
  ffmpeg -re -i FILE -c copy -f flv rtmp://127.0.0.1/live/x      publish to it
  ffplay rtmp://127.0.0.1/live/x                                 watch`

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("afterglow"), kong.Description(description), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "afterglow: %v\n", err)
		os.Exit(1)
	}
}
