package redirector

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"time"

	"afterglow/rtmfp"
)

// attemptTime is how long an attempt may take: hellos get rare when nobody answers, and a new attempt begins with quick ones.
// answerTime is how long the redirector may take to confirm.
const (
	attemptTime = 15 * time.Second
	answerTime  = 20 * time.Second
)

// errNoEndpoint ends a registrar whose endpoint is closed.
var errNoEndpoint = errors.New("redirector: endpoint closed")

// run registers, again and again.
func (r *Registrar) run(ctx context.Context) {
	defer close(r.done)
	defer func() { r.set(Status{State: Closed}) }()
	wait := backoff{first: r.config.FirstRetry, most: r.config.MostRetry}
	for {
		registered, err := r.attempt(ctx)
		if ctx.Err() != nil || errors.Is(err, errNoEndpoint) {
			return
		}
		if registered {
			wait.last = 0
		}
		status := Status{State: stateAfter(err), Err: err, Retry: wait.next(rand.Float64())}
		r.set(status)
		if !pause(ctx, status.Retry) {
			return
		}
		r.mu.Lock()
		r.status = Status{State: Connecting, Err: err}
		r.mu.Unlock()
	}
}

// stateAfter is the state after an attempt or a registration that has ended.
func stateAfter(err error) State {
	var exception *rtmfp.ExceptionError
	if errors.Is(err, ErrRefused) || errors.As(err, &exception) {
		return Refused
	}
	return Lost
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// backoff doubles the time between attempts.
type backoff struct {
	first, most, last time.Duration
}

// next gives the time to the next attempt, varied by a fifth either way by chance, which is from 0 to 1.
func (b *backoff) next(chance float64) time.Duration {
	b.last = min(max(2*b.last, b.first), b.most)
	return time.Duration(float64(b.last) * (0.8 + 0.4*chance))
}

// attempt registers, and stays until the session ends. It says whether the redirector has confirmed.
func (r *Registrar) attempt(ctx context.Context) (registered bool, err error) {
	addresses, err := r.lookUp(ctx)
	if err != nil {
		return false, err
	}
	l := &link{config: &r.config, settings: r.settings, news: make(chan struct{}, 1)}
	limited, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	l.session, err = r.endpoint.Dial(limited, rtmfp.DialConfig{
		Identity: r.config.Identity, Discriminator: byName(r.config.Name), Addresses: addresses, Handler: l,
	})
	if errors.Is(err, rtmfp.ErrClosed) {
		return false, errNoEndpoint
	}
	if err != nil {
		return false, err
	}
	return r.stay(ctx, l)
}

// lookUp gives the addresses of the redirector. Names that are unknown are an error only if there is no address at all.
func (r *Registrar) lookUp(ctx context.Context) ([]netip.AddrPort, error) {
	var all []netip.AddrPort
	var failed error
	for _, address := range r.config.Addresses {
		found, err := resolve(ctx, address)
		all, failed = append(all, found...), errors.Join(failed, err)
	}
	if len(all) == 0 {
		return nil, failed
	}
	return all, nil
}

func resolve(ctx context.Context, address string) ([]netip.AddrPort, error) {
	if literal, err := netip.ParseAddrPort(address); err == nil {
		return []netip.AddrPort{literal}, nil
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("redirector: %w", err)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("redirector: port of %q: %w", address, err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("redirector: %w", err)
	}
	var all []netip.AddrPort
	for _, ip := range ips {
		all = append(all, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	return all, nil
}

// stay registers by a session and keeps the redirector up to date until the session or ctx ends.
func (r *Registrar) stay(ctx context.Context, l *link) (registered bool, err error) {
	t := &teller{link: l, interval: r.config.LoadInterval, sent: r.announcement()}
	l.session.Do(func() { l.begin(t.sent) })
	t.pace = time.NewTimer(t.interval)
	defer t.pace.Stop()
	unanswered := time.NewTimer(answerTime)
	defer unanswered.Stop()
	for {
		select {
		case <-ctx.Done():
			l.session.Do(l.session.Close)
			return registered, ctx.Err()
		case <-unanswered.C:
			l.session.Do(l.session.Close)
			return false, ErrNoAnswer
		case <-l.news:
			status, ended, err := l.look()
			if ended {
				return registered, err
			}
			registered = true
			unanswered.Stop()
			r.set(status)
		case <-t.pace.C:
			t.mayTell = true
			t.tell(r.announcement())
		case <-r.changed:
			t.tell(r.announcement())
		}
	}
}

// teller sends what has changed: that a server drains at once, its load not too often.
type teller struct {
	link     *link
	interval time.Duration
	sent     announcement
	pace     *time.Timer
	mayTell  bool
}

func (t *teller) tell(wanted announcement) {
	l := t.link
	if wanted.draining != t.sent.draining {
		t.sent.draining = wanted.draining
		l.session.Do(func() { l.sendDraining(wanted.draining) })
	}
	if wanted.load != t.sent.load && t.mayTell {
		t.sent.load, t.mayTell = wanted.load, false
		t.pace.Reset(t.interval)
		l.session.Do(func() { l.send(appendLoad(nil, wanted.load)) })
	}
}
