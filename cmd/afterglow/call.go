package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
)

// CallCmd calls a method of an application.
type CallCmd struct {
	URL      string   `arg:"" name:"url" help:"The application, and its instance if not the default one: rtmp://127.0.0.1/chat/room1, or rtmfp://."`
	Method   string   `arg:"" optional:"" help:"What to call, such as sendMessage or chat.sendMessage."`
	Args     []string `arg:"" optional:"" help:"Its arguments: JSON, and words that are no JSON as strings."`
	NoAnswer bool     `help:"Want no answer."`
	Listen   patient  `help:"Go on for so long, or forever, and print what the server calls." placeholder:"TIME|forever"`
	appClient
}

// Help is shown by afterglow call --help.
func (CallCmd) Help() string {
	return `Examples:
  afterglow call rtmp://127.0.0.1/echo echo 1 true null word '"12"' '{"a": [1, 2]}'
  afterglow call rtmp://127.0.0.1/chat/room1 say hello --connect-arg alice --listen 10s
  afterglow call rtmfp://127.0.0.1/chat --listen forever
  afterglow call rtmp://127.0.0.1/echo add -- -1 2
  afterglow call rtmp://127.0.0.1/echo describe '{"$date": "2026-01-31"}' '{"$class": "User", "name": "alice"}' --json

An argument that is no JSON is a string; '"12"' is the string of a number. If one of them begins with a hyphen, -- goes
before all of them, and options before that. The time limit holds for connecting, and again for the answer. The exit status
is 1 if the server refuses, or if the method fails or does not answer.`
}

// Run calls, prints the result and listens.
func (c *CallCmd) Run(ctx context.Context) error {
	if c.Method == "" && !c.Listen.wanted() {
		return errors.New("name the method to call, or listen to what the server calls with --listen")
	}
	args, err := parseValues(c.Args)
	if err != nil {
		return err
	}
	heard := newFeed[string]()
	client, err := c.dial(ctx, c.URL, c.events(heard))
	if err != nil {
		return err
	}
	defer client.leave()
	if err := c.call(ctx, client, args, heard); err != nil || !c.Listen.wanted() {
		return err
	}
	return c.listen(ctx, client, heard)
}

// events answers what the server calls, if somebody wants to see it.
func (c *CallCmd) events(heard *feed[string]) netconn.ClientEvents {
	if !c.Listen.wanted() {
		return netconn.ClientEvents{}
	}
	return netconn.ClientEvents{
		Call: func(method string, args []amf.Value) (amf.Value, error) {
			heard.add(c.callLine(method, args))
			return amf.Undefined, nil
		},
		Status: func(s netconn.Status) { heard.add(statusLine(s, c.JSON)) },
	}
}

func (c *CallCmd) call(ctx context.Context, client *connection, args []amf.Value, heard *feed[string]) error {
	switch {
	case c.Method == "":
		return nil
	case c.NoAnswer:
		return client.Notify(c.Method, args...)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	v, err := client.Call(ctx, c.Method, args...)
	if flooded := printLines(heard); flooded != nil { // what came before the answer
		return flooded
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s has not answered within %v: its answer may take longer than --timeout, or want --no-answer", c.Method, c.Timeout)
	case err != nil:
		return fmt.Errorf("%s: %w", c.Method, callError(err, v))
	}
	fmt.Println(c.resultLine(v))
	return nil
}

// callError is what a method has failed with. Some servers answer with something else than a status.
func callError(err error, v amf.Value) error {
	var s netconn.Status
	if errors.As(err, &s) && s.Code == "" && s.Description == "" {
		return errors.New("the server answers with the error " + amf.Format(v))
	}
	return explained(err)
}

// listen prints what the server calls until the time is over.
func (c *CallCmd) listen(ctx context.Context, client *connection, heard *feed[string]) error {
	ctx, cancel := c.Listen.limit(ctx)
	defer cancel()
	for {
		select {
		case <-heard.more:
			if err := printLines(heard); err != nil {
				return err
			}
		case <-client.Done():
			return errors.Join(printLines(heard), fmt.Errorf("the connection has ended: %w", client.Err()))
		case <-ctx.Done():
			return printLines(heard)
		}
	}
}

func printLines(f *feed[string]) error {
	lines, err := f.take()
	for _, line := range lines {
		fmt.Fprintln(os.Stdout, line)
	}
	return err
}

// resultLine is the result alone, unless calls are among the lines.
func (c *CallCmd) resultLine(v amf.Value) string {
	switch {
	case !c.JSON:
		return amf.Format(v)
	case c.Listen.wanted():
		return toJSON(amf.NewObject(amf.Property{Name: "result", Value: v}))
	}
	return toJSON(v)
}

// callLine is a call of the server's.
func (c *CallCmd) callLine(method string, args []amf.Value) string {
	if c.JSON {
		return toJSON(amf.NewObject(amf.Property{Name: "call", Value: method}, amf.Property{Name: "args", Value: amf.NewArray(args...)}))
	}
	return invocation(method, args)
}

// invocation writes a call as a script would.
func invocation(method string, args []amf.Value) string {
	line := printable(method) + "("
	for n, v := range args {
		if n > 0 {
			line += ", "
		}
		line += amf.Format(v)
	}
	return line + ")"
}

// printable is a name as it is, or in quotes if a terminal could take it for something else.
func printable(name string) string {
	if quoted := amf.Format(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// statusLine is a status of the connection or of a shared object.
func statusLine(s netconn.Status, asJSON bool) string {
	if !asJSON {
		return "status " + printable(s.Error())
	}
	return toJSON(amf.NewObject(amf.Property{Name: "status", Value: string(s.Code)}, amf.Property{Name: "level", Value: s.Level},
		amf.Property{Name: "description", Value: s.Description}))
}

// patient is how long to listen: a time, or forever.
type patient time.Duration

const forever patient = -1

// UnmarshalText reads a time such as 10s, or forever.
func (p *patient) UnmarshalText(text []byte) error {
	if string(text) == "forever" {
		*p = forever
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is neither a time such as 10s nor forever", text)
	}
	*p = patient(d)
	return nil
}

func (p patient) wanted() bool { return p != 0 }

// limit ends a context when the time is over.
func (p patient) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if p == forever {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(p))
}
