package isolated

import (
	"context"
	"errors"
	"fmt"

	"afterglow/apps"
	"afterglow/netconn"
)

// application hands its clients over to a worker. The server goes on to count them, to log that they come and go, and to introduce
// them as the configuration says; everything else is asked in the worker.
type application struct {
	apps.Live
	worker *worker
}

// Start starts the worker of an application that is to be loaded with the server. It does not wait for it.
func (a *application) Start(i *apps.Instance) error {
	if i.Settings().LoadOnStart {
		go a.worker.load()
	}
	return nil
}

// Connect asks the worker.
func (a *application) Connect(c *apps.Client, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	connect := c.ConnectMessage()
	if connect == nil {
		return // it has its answer already
	}
	delivery := c.Accept().Delivery
	ctx, cancel := context.WithCancel(context.Background()) // for as long as the client is here
	go func() {
		<-c.Ended()
		cancel()
	}()
	go func() {
		relay, err := a.worker.open(ctx, c.Conn, *connect)
		if err != nil {
			reply.Give(netconn.ConnectAnswer{Err: a.rejection(err)})
			return
		}
		if !reply.Give(netconn.ConnectAnswer{Relay: relay, Delivery: delivery}) {
			relay.Close()
		}
	}()
}

// rejection words why a client was not handed over. What the application itself has said stays as it is.
func (a *application) rejection(err error) error {
	var said netconn.Status
	if errors.As(err, &said) {
		return said
	}
	return netconn.Status{Code: netconn.ConnectRejected, Description: fmt.Sprintf("Application (%s) does not run: %v", a.worker.name, err)}
}
