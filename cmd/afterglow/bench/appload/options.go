package appload

import (
	"errors"
	"time"
)

// Options are what every load needs.
type Options struct {
	URL      string        `help:"The application, rtmp:// or rtmfp://." required:"" placeholder:"URL"`
	Pid      int           `help:"The server's process, of which processor time is told; 0 tells none." default:"0" placeholder:"PID"`
	Duration time.Duration `help:"How long to measure." default:"20s"`
	Warmup   time.Duration `help:"How long the load runs before." default:"2s"`
	JSON     string        `name:"json" help:"Write the report as JSON to this file, too; - for standard output alone." placeholder:"FILE"`
}

// mostClients is how many clients there may be.
const mostClients = 20000

func (o *Options) check(clients int) error {
	switch {
	case clients < 1 || clients > mostClients:
		return errors.New("-n must be 1 to 20000")
	case o.Duration <= 0 || o.Warmup < 0:
		return errors.New("--duration must be more than nothing, and --warmup not less")
	}
	return nil
}

// ObjectOptions are those of Objects.
type ObjectOptions struct {
	Options    `embed:""`
	Clients    int     `short:"n" help:"How many clients follow the object, 1 to 20000." default:"1000"`
	Rate       float64 `help:"Changes a second of all clients together." default:"10"`
	Properties int     `help:"How many properties are changed in turn." default:"8"`
	Name       string  `help:"The shared object." default:"bench"`
	Persistent bool    `short:"p" help:"The persistent object of that name."`
}

func (o *ObjectOptions) check() error {
	if o.Rate <= 0 || o.Rate > 1e6 || o.Properties < 1 {
		return errors.New("--rate must be more than 0, and --properties at least 1")
	}
	return o.Options.check(o.Clients)
}

// CallOptions are those of Calls.
type CallOptions struct {
	Options `embed:""`
	Clients int    `short:"n" help:"How many clients call, each again when it has the answer, 1 to 20000." default:"10"`
	Method  string `help:"What is called, with a number and a string." default:"echo"`
}
