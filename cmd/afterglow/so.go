package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"afterglow/amf"
	"afterglow/netconn"
)

// SOCmd looks at a shared object of an application, and changes it.
type SOCmd struct {
	URL        string   `arg:"" name:"url" help:"The application, and its instance if not the default one: rtmp://127.0.0.1/chat/room1, or rtmfp://."`
	Name       string   `arg:"" help:"The shared object's name."`
	Args       []string `arg:"" optional:"" help:"The arguments of --send: JSON, and words that are no JSON as strings."`
	Persistent bool     `short:"p" help:"The persistent object of that name, not the temporary one."`
	Watch      bool     `short:"w" help:"Go on, and print what changes, until interrupted."`
	Set        []string `help:"Set a property. May be repeated." placeholder:"KEY=VALUE" sep:"none"`
	Delete     []string `help:"Delete a property. May be repeated." placeholder:"KEY" sep:"none"`
	Send       string   `help:"Call a handler of everybody who follows the object." placeholder:"HANDLER"`
	appClient
}

// Help is shown by afterglow so --help.
func (SOCmd) Help() string {
	return `Examples:
  afterglow so rtmp://127.0.0.1/chat/room1 users
  afterglow so rtmp://127.0.0.1/chat/room1 users --watch
  afterglow so rtmp://127.0.0.1/chat board --persistent --set title=Hello --set 'size={"w": 640, "h": 480}' --delete old
  afterglow so rtmp://127.0.0.1/chat users --send message hello 1
  afterglow so rtmfp://127.0.0.1/chat users --json | jq .properties

A value that is no JSON is a string. An object that is not there yet comes to be, as it does for every client. The exit status
is 1 if the server refuses anything.`
}

// Run does what is asked for, prints the object and watches it.
func (c *SOCmd) Run(ctx context.Context) error {
	orders, err := c.orders()
	if err != nil {
		return err
	}
	args, err := parseValues(c.Args)
	if err != nil {
		return err
	}
	if c.Send == "" && len(args) > 0 {
		return fmt.Errorf("%q is an argument for a handler: name the handler with --send", c.Args[0])
	}
	client, err := c.dial(ctx, c.URL, netconn.ClientEvents{})
	if err != nil {
		return err
	}
	defer client.leave()
	w := &objectWatch{cmd: c, client: client, happened: newFeed[happening]()}
	if err := w.open(ctx); err != nil {
		return err
	}
	if err := w.carryOut(ctx, orders, args); err != nil {
		return err
	}
	w.print()
	if !c.Watch {
		return w.object.Close()
	}
	return w.watch(ctx)
}

// order is a property that is to change.
type order struct {
	name   string
	value  amf.Value
	delete bool
}

func (c *SOCmd) orders() ([]order, error) {
	var all []order
	for _, s := range c.Set {
		name, text, found := strings.Cut(s, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("--set %s: write KEY=VALUE", s)
		}
		v, err := parseValue(text)
		if err != nil {
			return nil, fmt.Errorf("--set %s: %w", name, err)
		}
		all = append(all, order{name: name, value: v})
	}
	for _, name := range c.Delete {
		all = append(all, order{name: name, delete: true})
	}
	return all, nil
}

// happening is a change, a message or a status of a shared object.
type happening struct {
	change  netconn.SyncChange
	value   amf.Value // what the property is now
	there   bool
	version uint32
	handler string
	args    []amf.Value
	status  netconn.Status
}

// objectWatch follows one shared object.
type objectWatch struct {
	cmd      *SOCmd
	client   *connection
	object   *netconn.RemoteSharedObject
	happened *feed[happening]
	kept     []happening // what came while something was carried out, for those who watch
}

// open follows the object and waits until all of it is here.
func (w *objectWatch) open(ctx context.Context) error {
	opened := make(chan struct{}) // the reader waits here for w.object, for less than a moment
	var err error
	w.object, err = w.client.SharedObject(w.cmd.Name, netconn.SharedObjectOptions{
		Persistent: w.cmd.Persistent,
		Sync: func(changes []netconn.SyncChange) {
			<-opened
			for _, ch := range changes {
				h := happening{change: ch, version: w.object.Version()}
				h.value, h.there = w.object.Get(ch.Name)
				w.happened.add(h)
			}
		},
		Message: func(handler string, args []amf.Value) { w.happened.add(happening{handler: handler, args: args}) },
		Status:  func(s netconn.Status) { w.happened.add(happening{status: s}) },
	})
	close(opened)
	if err != nil {
		return fmt.Errorf("shared object %s: %w", w.cmd.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, w.cmd.Timeout)
	defer cancel()
	if err := w.object.Wait(ctx); err != nil {
		return w.failure(err)
	}
	w.catchUp(ctx)             // large objects come in several messages
	_, err = w.happened.take() // how the object came to be what it is
	return err
}

// failure explains why the object cannot be had.
func (w *objectWatch) failure(err error) error {
	var s netconn.Status
	switch {
	case errors.As(err, &s):
		return fmt.Errorf("shared object %s: %s", w.cmd.Name, explainedStatus(s, w.cmd.Persistent))
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("shared object %s: the server has not answered within %v: see whether its application has shared objects", w.cmd.Name, w.cmd.Timeout)
	}
	return fmt.Errorf("shared object %s: %w", w.cmd.Name, err)
}

// explainedStatus says what the status of a shared object means (server-side-api 3.4).
func explainedStatus(s netconn.Status, persistent bool) string {
	text := s.Error()
	switch s.Code {
	case netconn.SharedObjectNoReadAccess:
		text += ": the application does not let this client read it (client.readAccess)"
	case netconn.SharedObjectNoWriteAccess:
		text += ": the application does not let this client change it, nor send by it (client.writeAccess)"
	case netconn.SharedObjectCreationFailed:
		text += ": the server cannot make it: see whether the name is allowed, and the server's log"
	case netconn.SharedObjectBadPersistence:
		if persistent {
			return text + ": it is a temporary one: leave out --persistent"
		}
		text += ": it is a persistent one: add --persistent"
	}
	return text
}

// carryOut changes what is to change, one after the other, and says what the server made of it.
func (w *objectWatch) carryOut(ctx context.Context, orders []order, args []amf.Value) error {
	for _, o := range orders {
		ctx, cancel := context.WithTimeout(ctx, w.cmd.Timeout)
		err := w.do(ctx, o)
		cancel()
		if err != nil {
			return err
		}
	}
	if w.cmd.Send == "" {
		return nil
	}
	if err := w.send(ctx, args); err != nil {
		return fmt.Errorf("--send: %w", err)
	}
	return nil
}

// send calls the handler, and waits until this end hears of it, as all do: servers say nothing else of it.
func (w *objectWatch) send(ctx context.Context, args []amf.Value) error {
	if err := w.object.Send(w.cmd.Send, args...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, w.cmd.Timeout)
	defer cancel()
	for {
		select {
		case <-w.happened.more:
			done, err := w.sent()
			if done || err != nil {
				return err
			}
		case <-w.client.Done():
			return w.client.Err()
		case <-ctx.Done():
			return fmt.Errorf("the server has not sent it to this end either: %w", ctx.Err())
		}
	}
}

// sent looks for the message, or for a status instead.
func (w *objectWatch) sent() (done bool, err error) {
	all, err := w.happened.take()
	for _, h := range all {
		if h.status.Code != "" {
			return false, errors.New(explainedStatus(h.status, w.cmd.Persistent))
		}
		done = done || h.handler == w.cmd.Send
	}
	w.kept = append(w.kept, all...)
	return done, err
}

func (w *objectWatch) do(ctx context.Context, o order) error {
	if _, there := w.object.Get(o.name); o.delete && !there {
		w.say("%s is not there", o.name)
		return nil
	}
	ask := func() error { return w.object.Set(o.name, o.value) }
	if o.delete {
		ask = func() error { return w.object.Delete(o.name) }
	}
	if err := ask(); err != nil {
		return fmt.Errorf("%s: %w", o.name, err)
	}
	for {
		select {
		case <-w.happened.more:
			done, err := w.settled(ctx, o)
			if done || err != nil {
				return err
			}
		case <-w.client.Done():
			return fmt.Errorf("%s: %w", o.name, w.client.Err())
		case <-ctx.Done():
			return fmt.Errorf("%s: the server has not said what became of it: %w", o.name, ctx.Err())
		}
	}
}

// settled looks for what became of an order.
func (w *objectWatch) settled(ctx context.Context, o order) (done bool, err error) {
	all, err := w.happened.take()
	for n, h := range all {
		if h.change.Name != o.name || h.change.Code == "" {
			w.kept = append(w.kept, h)
			continue
		}
		switch code := h.change.Code; {
		case code == netconn.SyncSucceeded, code == netconn.SyncDeleted && o.delete:
			w.say("%s: %s, version %d", o.name, code, h.version)
			w.kept = append(w.kept, all[n+1:]...)
			return true, err
		case code == netconn.SyncRejected, code == netconn.SyncDeleted, o.delete:
			w.happened.add(all[n+1:]...)
			if err := w.complaint(ctx); err != nil {
				return false, fmt.Errorf("%s: %w", o.name, err)
			}
			return false, fmt.Errorf("%s: rejected: it is %s", o.name, propertyText(h.value, h.there))
		default:
			w.kept = append(w.kept, h)
		}
	}
	return false, err
}

// complaint returns the status that the server has sent about what was asked for last, if any.
func (w *objectWatch) complaint(ctx context.Context) error {
	w.catchUp(ctx)
	all, err := w.happened.take()
	for _, h := range all {
		if h.status.Code != "" {
			return errors.New(explainedStatus(h.status, w.cmd.Persistent))
		}
	}
	w.happened.add(all...)
	return err
}

// catchUp waits until everything has come that the server has sent so far: the answer to something else comes behind it.
func (w *objectWatch) catchUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, w.cmd.Timeout)
	defer cancel()
	if stream, err := w.client.CreateStream(ctx, netconn.StreamEvents{}); err == nil {
		_ = stream.Close()
	}
}

// say tells how it goes where it does not disturb JSON.
func (w *objectWatch) say(format string, args ...any) {
	out := os.Stdout
	if w.cmd.JSON {
		out = os.Stderr
	}
	fmt.Fprintf(out, format+"\n", args...)
}

func propertyText(v amf.Value, there bool) string {
	if !there {
		return "not there"
	}
	return amf.Format(v)
}

// print prints the object as it is.
func (w *objectWatch) print() {
	all := w.object.Snapshot()
	names := slices.Sorted(maps.Keys(all))
	if w.cmd.JSON {
		properties := amf.NewObject()
		for _, name := range names {
			properties.Set(name, all[name])
		}
		fmt.Println(toJSON(amf.NewObject(
			amf.Property{Name: "name", Value: w.cmd.Name}, amf.Property{Name: "persistent", Value: w.cmd.Persistent},
			amf.Property{Name: "version", Value: float64(w.object.Version())}, amf.Property{Name: "properties", Value: properties})))
		return
	}
	kind := "temporary"
	if w.cmd.Persistent {
		kind = "persistent"
	}
	fmt.Printf("%s: %s, version %d, properties: %d\n", w.cmd.Name, kind, w.object.Version(), len(names))
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	for _, name := range names {
		fmt.Fprintf(table, "  %s\t%s\n", printable(name), amf.Format(all[name]))
	}
	_ = table.Flush()
}

// watch prints what happens until ctx or the connection ends.
func (w *objectWatch) watch(ctx context.Context) error {
	w.happened.add(w.kept...)
	for {
		select {
		case <-w.happened.more:
			if err := w.printHappenings(); err != nil {
				return err
			}
		case <-w.client.Done():
			return errors.Join(w.printHappenings(), fmt.Errorf("the connection has ended: %w", w.client.Err()))
		case <-ctx.Done():
			return w.object.Close()
		}
	}
}

func (w *objectWatch) printHappenings() error {
	all, err := w.happened.take()
	for _, h := range all {
		if w.cmd.JSON {
			fmt.Println(h.json())
		} else {
			fmt.Println(h.text(w.cmd.Persistent))
		}
	}
	return err
}

func (h happening) text(persistent bool) string {
	switch {
	case h.handler != "":
		return "message " + invocation(h.handler, h.args)
	case h.status.Code != "":
		return "status " + explainedStatus(h.status, persistent)
	case h.change.Code == netconn.SyncCleared:
		return fmt.Sprintf("clear, version %d", h.version)
	}
	line := fmt.Sprintf("%s %s: %s", h.change.Code, printable(h.change.Name), amf.Format(h.change.OldValue))
	if h.there {
		line += " -> " + amf.Format(h.value)
	}
	return fmt.Sprintf("%s, version %d", line, h.version)
}

func (h happening) json() string {
	switch {
	case h.handler != "":
		return toJSON(amf.NewObject(amf.Property{Name: "message", Value: h.handler}, amf.Property{Name: "args", Value: amf.NewArray(h.args...)}))
	case h.status.Code != "":
		return statusLine(h.status, true)
	}
	o := amf.NewObject(amf.Property{Name: "code", Value: string(h.change.Code)})
	if h.change.Code != netconn.SyncCleared {
		o.Set("name", h.change.Name)
		o.Set("old", h.change.OldValue)
	}
	if h.there {
		o.Set("new", h.value)
	}
	o.Set("version", float64(h.version))
	return toJSON(o)
}
