package redirector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

var (
	// ErrRefused says that the redirector knows none of the users with the password given.
	ErrRefused = errors.New("redirector: no right user and password")

	// ErrNoAnswer says that a session with the redirector came about, but no answer to the registration.
	ErrNoAnswer = errors.New("redirector: registration not answered")
)

// Credential is a user with a password.
type Credential struct {
	User     string
	Password []byte
}

// RegistrarConfig says where and as what a server registers. Name and Addresses are required.
type RegistrarConfig struct {
	// Name is the redirector's hostname, as it calls itself.
	Name string

	// Addresses are where the redirector is, each HOST:PORT. Names are looked up for each attempt; the first address to answer is it.
	Addresses []string

	// Identity is the name of the identity in the endpoint under which clients are to find the server. It must accept ancillary data.
	Identity string

	// Credentials are tried one after the other; one that is right will do (default: none).
	Credentials []Credential

	// HideObserved keeps the address at which the redirector observes the server from clients. Advertise are addresses to name to them
	// besides, at most MaxAddresses.
	HideObserved bool
	Advertise    []netip.AddrPort

	// FirstRetry is the time to the next attempt after a session was lost or did not come about (default 1 s); it doubles with each failure
	// up to MostRetry (default 1 min). Each is varied by a fifth, so that servers do not come back all at once.
	FirstRetry, MostRetry time.Duration

	// LoadInterval is the least time between two reports of the load (default 1 s).
	LoadInterval time.Duration

	// KeepAlive and GiveUp are those of the session with the redirector (default 10 s each): see [rtmfp.Times].
	KeepAlive, GiveUp time.Duration

	// Status, if not nil, is told of each change, one after the other, on a goroutine of the registrar. It must not call Close.
	Status func(Status)

	// Log is told of registrations (default: nobody).
	Log *slog.Logger
}

// State says how far a registration is.
type State uint8

// The states of a registration.
const (
	// Connecting is before the redirector has confirmed the first time, and whenever it is tried again.
	Connecting State = iota

	// Registered means that the redirector has confirmed, and offers the server unless it drains.
	Registered

	// Refused means that the redirector wants another password, or does not want the registration. It is tried again.
	Refused

	// Lost means that there is no session with the redirector: it did not answer, or has gone. It is tried again.
	Lost

	// Closed means that it is not tried again: the registrar or its endpoint is closed.
	Closed
)

// String gives the state in small letters.
func (s State) String() string {
	names := [...]string{"connecting", "registered", "refused", "lost", "closed"}
	if int(s) < len(names) {
		return names[s]
	}
	return "state " + strconv.Itoa(int(s))
}

// Status is the state of a registration with what belongs to it.
type Status struct {
	State State

	// Redirector is where the redirector has answered, and Reflexive our address as it observes it, if State is Registered.
	Redirector, Reflexive netip.AddrPort

	// Err says why State is Refused or Lost; Retry is when the next attempt will be.
	Err   error
	Retry time.Duration
}

// Registrar keeps a server registered at a redirector until it is closed. Its methods may be called from any goroutine, but not from
// callbacks of the endpoint, except for SetLoad, Drain, Resume and Status.
type Registrar struct {
	endpoint *rtmfp.Endpoint
	config   RegistrarConfig
	settings settings
	cancel   context.CancelFunc
	done     chan struct{}
	changed  chan struct{} // wanted was changed
	told     State         // the last one that was no attempt; of run alone

	mu     sync.Mutex
	status Status
	wanted announcement
}

// announcement is what changes while a server is registered.
type announcement struct {
	load     uint64
	draining bool
}

// Register begins to register a server, whose sockets the endpoint has, at a redirector. It fails only if the configuration makes no
// sense: what becomes of the registration is told to config.Status. It should be closed before the endpoint, so that clients are not
// sent to it any more.
func Register(endpoint *rtmfp.Endpoint, config RegistrarConfig) (*Registrar, error) {
	if err := config.setDefaults(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Registrar{
		endpoint: endpoint, config: config, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{}, 1),
		settings: settings{observed: !config.HideObserved, addresses: toWire(config.Advertise)},
	}
	for i := range r.settings.addresses {
		r.settings.addresses[i].Origin = wire.OriginLocal
	}
	go r.run(ctx)
	return r, nil
}

func (c *RegistrarConfig) setDefaults() error {
	switch {
	case c.Name == "":
		return errors.New("redirector: registering needs the redirector's name")
	case len(c.Addresses) == 0:
		return errors.New("redirector: registering needs the redirector's address")
	case c.HideObserved && len(c.Advertise) == 0:
		return errors.New("redirector: nothing to advertise")
	}
	for _, a := range c.Addresses {
		if _, _, err := net.SplitHostPort(a); err != nil {
			return fmt.Errorf("redirector: address of the redirector: %w", err)
		}
	}
	if err := checkAddresses(c.Advertise); err != nil {
		return fmt.Errorf("redirector: advertised addresses: %w", err)
	}
	for _, credential := range c.Credentials {
		if 1+32+len(credential.User) > MaxMessage {
			return fmt.Errorf("redirector: name of a user with %d bytes", len(credential.User))
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.setTimes()
	return nil
}

func (c *RegistrarConfig) setTimes() {
	set := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	set(&c.FirstRetry, time.Second)
	set(&c.MostRetry, time.Minute)
	set(&c.LoadInterval, time.Second)
	set(&c.KeepAlive, 10*time.Second)
	set(&c.GiveUp, 10*time.Second)
}

// SetLoad tells the redirector how busy the server is: those with the least are offered first. The unit is the same for all servers of
// a redirector; best is the number of clients, for redirectors count on one more for each whom they have sent since the last report.
// It is sent with the next report, and again after a session was lost.
func (r *Registrar) SetLoad(load uint64) { r.want(func(a *announcement) { a.load = load }) }

// Drain has the redirector offer the server to nobody new, now and after a session was lost. Who asks for it by its fingerprint still
// finds it.
func (r *Registrar) Drain() { r.want(func(a *announcement) { a.draining = true }) }

// Resume ends Drain.
func (r *Registrar) Resume() { r.want(func(a *announcement) { a.draining = false }) }

func (r *Registrar) want(change func(*announcement)) {
	r.mu.Lock()
	change(&r.wanted)
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *Registrar) announcement() announcement {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wanted
}

// Status gives the state of the registration.
func (r *Registrar) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Close ends the registration and waits until everything of it has ended. It may be called again.
func (r *Registrar) Close() {
	r.cancel()
	<-r.done
}

// set notes a status, and tells of it. It is called by run alone.
func (r *Registrar) set(status Status) {
	r.mu.Lock()
	r.status = status
	r.mu.Unlock()
	r.log(status)
	r.told = status.State
	if r.config.Status != nil {
		r.config.Status(status)
	}
}

// log writes what has changed; attempts that fail as the one before are of no interest.
func (r *Registrar) log(now Status) {
	log := r.config.Log.With("redirector", r.config.Name)
	switch now.State {
	case Registered:
		log.Info("registered at redirector", "address", now.Redirector, "reflexive", now.Reflexive)
	case Refused, Lost:
		report := log.Warn
		if r.told == now.State {
			report = log.Debug
		}
		report("not registered at redirector", "state", now.State, "error", now.Err, "retry", now.Retry)
	case Closed:
		log.Info("registration at redirector ended")
	}
}
