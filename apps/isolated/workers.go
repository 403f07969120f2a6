package isolated

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"
	"sync"
	"time"

	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
)

// Options are what Workers need.
type Options struct {
	// Command makes the command that runs a worker. Its standard files and its directory are set by Workers.
	Command func(application string) *exec.Cmd
	// Open hands a client over to the worker that listens at an address, and returns when the worker has accepted it. A rejection is
	// a netconn.Status.
	Open func(ctx context.Context, to Address, c *netconn.Conn, connect netconn.Message) (netconn.Relay, error)
	// Config is the configuration, Key what publishers show where it names no other.
	Config *configs.Config
	Key    string
	// Log gets what happens to workers, and what they log; nil is slog.Default.
	Log *slog.Logger
	// IdleTime is how long a worker without instances is kept. Default 10 s.
	IdleTime time.Duration
	// SilentTime is how long a worker may give no sign of life before it is killed. Default 30 s.
	SilentTime time.Duration
	// Now tells the time for how soon a worker that has died is started again; nil is time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.IdleTime <= 0 {
		o.IdleTime = 10 * time.Second
	}
	if o.SilentTime <= 0 {
		o.SilentTime = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Beat is how often a worker tells that it is well.
const Beat = 2 * time.Second

// Address is where a worker listens.
type Address struct {
	// Network and Address are as net.Dial has them.
	Network, Address string
	// Secret is what the worker wants to be told.
	Secret string
}

// Workers has the processes of isolated applications. Its methods may be called from any goroutine.
type Workers struct {
	options Options

	mu     sync.Mutex
	config *configs.Config
	key    string
	all    map[string]*worker
	closed bool
}

// New makes Workers without any process.
func New(o Options) *Workers {
	if o.Config == nil {
		o.Config = configs.Default()
	}
	return &Workers{options: o.withDefaults(), config: o.Config, key: o.Key, all: make(map[string]*worker)}
}

// Application returns the code of an application that runs in a process of its own.
func (w *Workers) Application(name string) apps.Application {
	return &application{worker: w.worker(name)}
}

func (w *Workers) worker(name string) *worker {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.all[name]
	if one == nil {
		one = &worker{workers: w, name: name}
		w.all[name] = one
	}
	return one
}

// SetConfig passes a configuration on to all processes, which also have applications loaded anew that have changed.
func (w *Workers) SetConfig(c *configs.Config, key string) {
	w.mu.Lock()
	w.config, w.key = c, key
	w.mu.Unlock()
	for _, one := range w.list() {
		one.reconfigure()
	}
}

// orders returns what an application's worker is to be told now, but for where it listens.
func (w *Workers) orders(name string) Orders {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Orders{Application: name, Config: configFor(w.config, name), Key: w.key}
}

// settings returns what holds for an application now.
func (w *Workers) settings(name string) configs.Application {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.config.Application(name)
}

func (w *Workers) list() []*worker {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []*worker
	for _, one := range w.all {
		out = append(out, one)
	}
	return out
}

var errClosed = errors.New("the server ends")

func (w *Workers) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// Close ends all processes: their applications are told first. It returns when they have ended; those that have not when ctx ends
// are killed. No process is started afterwards.
func (w *Workers) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	all := w.list()
	for _, one := range all {
		one.end()
	}
	var err error
	for _, one := range all {
		err = errors.Join(err, one.wait(ctx))
	}
	return err
}
