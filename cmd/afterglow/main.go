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

	"afterglow/configs"
)

// cli is the command line: one field for each sub-command, which has a file of its own.
type cli struct {
	Serve      ServeCmd      `cmd:"" help:"Run the server in the foreground."`
	Publish    PublishCmd    `cmd:"" help:"Publish an FLV file in real time."`
	Play       PlayCmd       `cmd:"" help:"Play a live stream into a file."`
	Peer       PeerCmd       `cmd:"" help:"Stream from client to client over RTMFP."`
	App        AppCmd        `cmd:"" help:"Begin an application, or check existing scripts."`
	Call       CallCmd       `cmd:"" help:"Call a method of an application."`
	SO         SOCmd         `cmd:"" name:"so" help:"Look at a shared object, change it and watch it."`
	Bench      BenchCmd      `cmd:"" help:"Measure a server under load."`
	Config     ConfigCmd     `cmd:"" help:"Check the configuration, or print the default."`
	Redirector RedirectorCmd `cmd:"" help:"Send RTMFP clients to the least busy of several servers."`
	Trace      TraceCmd      `cmd:"" help:"Decode captured RTMFP, given the keys."`
	Version    VersionCmd    `cmd:"" help:"Print the version."`
	Worker     WorkerCmd     `cmd:"" hidden:"" help:"Run one application for a server."`
}

const description = `Afterglow streams to and from Flash and everything else that speaks RTMP.

  afterglow serve                                                run the server
  ffmpeg -re -i FILE -c copy -f flv rtmp://127.0.0.1/live/x      publish to it
  ffplay rtmp://127.0.0.1/live/x                                 watch`

func main() {
	k := newParser(new(cli))
	command, err := k.Parse(os.Args[1:])
	k.FatalIfErrorf(err)
	command.BindTo(interruptible(), (*context.Context)(nil))
	if err := command.Run(); err != nil && !errors.Is(err, context.Canceled) {
		printError(err)
		os.Exit(1)
	}
}

func newParser(c *cli, options ...kong.Option) *kong.Kong {
	return kong.Must(c, append([]kong.Option{
		kong.Name("afterglow"), kong.Description(description), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	}, options...)...)
}

// interruptible returns a context that ends with the first SIGINT or SIGTERM. A second one ends the process at once.
func interruptible() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel()
	}()
	return ctx
}

// printError prints the problems of a configuration as they are, so that editors find file and line, and other errors
// behind the program's name.
func printError(err error) {
	var problems configs.Errors
	if errors.As(err, &problems) {
		fmt.Fprintln(os.Stderr, problems)
		return
	}
	fmt.Fprintf(os.Stderr, "afterglow: %v\n", err)
}
