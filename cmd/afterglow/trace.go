package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"afterglow/cmd/afterglow/trace"
)

// TraceCmd makes captured RTMFP readable.
type TraceCmd struct {
	File      string   `arg:"" optional:"" help:"Capture file, pcap or pcapng; - is standard input."`
	Interface string   `short:"i" help:"Capture on this interface instead, or on all of them: any. Linux only." placeholder:"NAME"`
	Keys      []string `short:"k" help:"Key log of one of the ends. May be repeated." placeholder:"FILE"`
	Port      []uint16 `help:"Look at this UDP port only. May be repeated." placeholder:"N"`
	Session   string   `help:"Show this session only, by its number in the trace or one of its IDs." placeholder:"ID"`
	Flow      *uint64  `help:"Show the flows with this number only." placeholder:"N"`
	Only      string   `help:"What to show: all, messages, chunks or packets." enum:"all,messages,chunks,packets" default:"all"`
	Hex       bool     `short:"x" help:"Show the bytes of messages and chunks."`
	JSON      bool     `name:"json" help:"Print an object on each line."`
}

// Help is shown by afterglow trace --help.
func (TraceCmd) Help() string {
	return `Handshakes can be read without keys. For all else, one end has to log its keys:
  afterglow publish --key-log keys.log ...      also play and peer
  rtmfp: {keyLog: keys.log}                     in the configuration of the server

Examples:
  afterglow trace session.pcap --keys keys.log
  afterglow trace session.pcap --keys keys.log --only messages
  afterglow trace -i lo --port 1935 --keys keys.log
  tcpdump -i eth0 -U -w - udp | afterglow trace - --keys keys.log
  afterglow trace session.pcap --keys keys.log --json | jq 'select(.kind == "message")'`
}

// How often key logs are looked at while capturing, and how long a datagram waits for its key.
const (
	traceTick = 100 * time.Millisecond
	traceHold = 2 * time.Second
)

// Run traces until the capture or ctx ends.
func (c *TraceCmd) Run(ctx context.Context) error {
	if (c.File == "") == (c.Interface == "") {
		return errors.New("name either a capture file or, with -i, an interface")
	}
	switch {
	case c.Interface != "":
		return c.capture(ctx)
	case c.File == "-":
		return c.follow(ctx, os.Stdin)
	}
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	source, err := trace.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if err := c.checkKeys(); err != nil {
		return err
	}
	t := trace.New(os.Stdout, c.options(0))
	return errors.Join(t.Read(ctx, source, c.keyFiles()), t.Finish())
}

// checkKeys complains of a key log that is not there: nobody will write it any more.
func (c *TraceCmd) checkKeys() error {
	for _, path := range c.Keys {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("key log: %w", err)
		}
	}
	return nil
}

// follow reads a capture that another program may be making.
func (c *TraceCmd) follow(ctx context.Context, r io.Reader) error {
	source, err := trace.NewReader(r)
	if err != nil {
		return err
	}
	t := trace.New(os.Stdout, c.options(traceHold))
	return errors.Join(c.trace(ctx, t, source), t.Finish())
}

func (c *TraceCmd) capture(ctx context.Context) error {
	live, err := trace.OpenLive(c.Interface)
	if err != nil {
		return err
	}
	defer live.Close()
	fmt.Fprintf(os.Stderr, "capturing on %s, Ctrl-C ends\n", c.Interface)
	t := trace.New(os.Stdout, c.options(traceHold))
	err = c.trace(ctx, t, live)
	if lost := live.Lost(); lost > 0 {
		t.Note(fmt.Sprintf("%d packets are not in the trace: the system had no room for them", lost))
	}
	return errors.Join(err, t.Finish())
}

func (c *TraceCmd) trace(ctx context.Context, t *trace.Tracer, source trace.Source) error {
	ticker := time.NewTicker(traceTick)
	defer ticker.Stop()
	return t.Follow(ctx, source, c.keyFiles(), ticker.C)
}

func (c *TraceCmd) keyFiles() []*trace.KeyFile {
	var files []*trace.KeyFile
	for _, path := range c.Keys {
		files = append(files, trace.NewKeyFile(path))
	}
	return files
}

func (c *TraceCmd) options(hold time.Duration) trace.Options {
	return trace.Options{
		Ports: c.Port, Session: c.Session, Flow: c.Flow, Level: trace.Level(c.Only), Hex: c.Hex, JSON: c.JSON,
		Color: isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == "", Hold: hold,
	}
}

func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
