package redirector

import (
	"net/netip"
	"time"
)

// Limits bound what servers, and those who pretend to be some, can make a redirector hold. A zero field means its default.
type Limits struct {
	// Registrations is how many servers may be registered (default 1024).
	Registrations int

	// Pending is how many sessions may exist that have not registered yet (default 256). Each has Patience for it.
	Pending int

	// PerAddress is how many sessions may come from one IPv4 address, or one /64 of IPv6, registered or not (default 64).
	PerAddress int

	// Patience is how long a session may take to register before it is closed (default 10 s).
	Patience time.Duration

	// Vanished is how long at most a server is offered that has died without a word (default 15 s): it is asked after a
	// third of that without a sign of life, and has the rest to answer. At least 3 s.
	Vanished time.Duration
}

func (l Limits) withDefaults() Limits {
	number := func(n *int, value int) {
		if *n <= 0 {
			*n = value
		}
	}
	period := func(d *time.Duration, value, least time.Duration) {
		if *d <= 0 {
			*d = value
		}
		*d = max(*d, least)
	}
	number(&l.Registrations, 1024)
	number(&l.Pending, 256)
	number(&l.PerAddress, 64)
	period(&l.Patience, 10*time.Second, time.Millisecond)
	period(&l.Vanished, 15*time.Second, 3*time.Second)
	return l
}

// Limits that nobody needs to change.
const (
	maxAnswers  = 8                // servers in one answer
	maxOffered  = 24               // addresses in one answer: initiators follow no more (RFC 7016 3.5.1.1.1)
	maxAttempts = 16               // proofs of a password in one session
	authDelay   = time.Second      // before who has proved none is told
	farewell    = 5 * time.Second  // for the rejection to arrive before the session is closed
	reportTime  = 2 * time.Second  // for a client to be counted in the load that its server reports
	quiet       = 10 * time.Second // between two lines in the log that say that a limit is reached
)

// block is what counts as one address: who has one of IPv6 has its /64.
func block(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	prefix, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a
	}
	return prefix.Addr()
}
