package rtmfp

import (
	"io"
	"log/slog"
	"net/netip"
	"time"
)

// Times are the periods by which an endpoint works. A zero field means its default, and so does a negative one, except where the comment
// says that it switches off.
type Times struct {
	// OpenTimeout is how long an initiator tries before a session has failed (default 95 s, RFC 7016 3.5.1.1.1).
	OpenTimeout time.Duration

	// HelloInterval is the time to the first repetition of an IHello or IIKeying (default 1 s); each later interval is
	// HelloBackoff longer than the one before (default 1.5 s).
	HelloInterval, HelloBackoff time.Duration

	// CookieLifetime is how long a cookie is good for (default 95 s, RFC 7016 3.5.1.1.2).
	CookieLifetime time.Duration

	// KeepAlive is how long a session may hear nothing before it sends an empty Ping (default 10 s; negative: never).
	KeepAlive time.Duration

	// GiveUp is how long a session waits for any sign of life while it has something unanswered, before it ends with
	// ErrTimeout (default 60 s). Together with KeepAlive it bounds how long a dead peer stays unnoticed: 70 s by default.
	GiveUp time.Duration

	// Idle is how long a session without a flow stays open before it is closed in good order (default 2 min; negative: for ever).
	Idle time.Duration
}

// Limits bound what the far end can make us hold or do. A zero field means its default.
type Limits struct {
	// Packet is the largest plain packet of a session in bytes (default 1200; at least 256, at most 4096).
	Packet int

	// Message is the largest message in bytes that is taken or sent (default and maximum 16 MiB, not counting a Head).
	Message int

	// Sessions is how many sessions a core holds, opening ones included (default 65,536).
	Sessions int

	// SessionsPerPeer is how many sessions a core has between one of its identities and one far end, those that close included
	// (default 64). Beyond them a keying takes the place of the oldest one whose far end has not shown its keys, or is refused.
	SessionsPerPeer int

	// ReceiveFlows is how many receiving flows a session may have at a time, lingering ones included (default 4096). A far end
	// that opens more has its session ended with ErrAbuse.
	ReceiveFlows int

	// ReceiveBuffer is the default capacity in bytes of a receiving flow's buffer (default 1 MiB; at most 64 MiB).
	ReceiveBuffer int

	// SessionBuffer is how many bytes all receiving flows of a session may hold together (default 32 MiB).
	SessionBuffer int

	// SendQueue is how many bytes a sending flow holds that are not acknowledged, before Send answers ErrQueueFull (default 32 MiB).
	SendQueue int

	// Metadata is the largest metadata in bytes of a flow (default 512, RFC 7016 2.3.11.1.1).
	Metadata int

	// Candidates is how many addresses an opening session tries (default 24, RFC 7016 3.5.1.1.1).
	Candidates int

	// Introductions is how many questions to the introducer may be open (default 1024). ForwardedHellos is how many FIHellos
	// a session may make us answer at once, and half as many each second, and likewise how many we send it (default 32).
	Introductions, ForwardedHellos int

	// StartupRate is how many startup datagrams a core takes in a second (default 20,000), a tenth of them at once. Those beyond
	// are dropped unread, which is what keeps sessions unharmed in a flood.
	StartupRate int

	// Reassemblies is how many fragmented startup packets may be incomplete at a time (default 64), each up to Startup bytes
	// (default 4256, which is also the largest startup packet that is sent).
	Reassemblies, Startup int
}

// CoreConfig is what a core needs. Crypto and Outlet are required.
type CoreConfig struct {
	// Crypto is the cryptography profile.
	Crypto Crypto

	// Outlet takes the datagrams.
	Outlet Outlet

	// Worker runs keying off the core (default: at once, on the owner).
	Worker Worker

	// Random gives secrets, tags and session IDs (default crypto/rand.Reader). It is read by what Worker runs too, and has to
	// be safe for concurrent use unless that runs on the core's owner.
	Random io.Reader

	// Introducer is asked about IHellos that no identity here answers to (default: they are ignored).
	Introducer Introducer

	// Route gives the interface for an address that another endpoint has told of; false if there is none (default: interface 0
	// for all).
	Route func(netip.Addr) (via uint8, ok bool)

	// Interfaces are the local addresses, by the index that Path has, for [Session.NearAddress] to tell (default: it tells none).
	Interfaces []netip.AddrPort

	// Times and Limits; see there.
	Times  Times
	Limits Limits

	// FragmentStartup divides startup packets larger than Limits.Packet into Packet Fragment chunks (RFC 7016 3.4). Off by
	// default: no living implementation joins them, all take startup packets of 4 kB.
	FragmentStartup bool

	// Log is told of sessions and of abuse (default: nobody). Packets are never logged.
	Log *slog.Logger

	// KeyLog is given one line for each session by which captured packets can be decoded (default: nobody).
	KeyLog func(line string)

	// Shard and Shards say which of several cores this is: the session IDs that a core hands out leave Shard as the remainder by
	// Shards, a power of two of at most 64 (default 0 of 1). Group is what the cores of one endpoint share.
	Shard, Shards int
	Group         *Group

	// Post has f run on the core's owner, soon, whoever calls it; false if it will not run (default: it runs at once, for an
	// owner that shares its goroutine with all who call). See [Session.Do].
	Post func(f func()) bool
}

func (t Times) withDefaults() Times {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	setPositive := func(d *time.Duration, value time.Duration) {
		*d = max(*d, 0)
		set(d, value)
	}
	setPositive(&t.OpenTimeout, 95*time.Second)
	setPositive(&t.HelloInterval, time.Second)
	setPositive(&t.HelloBackoff, 1500*time.Millisecond)
	setPositive(&t.CookieLifetime, 95*time.Second)
	setPositive(&t.GiveUp, time.Minute)
	set(&t.KeepAlive, 10*time.Second)
	set(&t.Idle, 2*time.Minute)
	return t
}

// mostMessage is what RTMP can say the size of, and a head of ours before it.
const mostMessage = 16<<20 + HeadSize

func (l Limits) withDefaults() Limits {
	set := func(n *int, value, least, most int) {
		if *n <= 0 {
			*n = value
		}
		*n = min(max(*n, least), most)
	}
	const many = 1 << 30
	set(&l.Packet, 1200, 256, 4096)
	set(&l.Message, mostMessage, 1, mostMessage)
	set(&l.Sessions, 1<<16, 1, many)
	set(&l.SessionsPerPeer, 64, 1, many)
	set(&l.ReceiveFlows, 4096, 1, many)
	set(&l.ReceiveBuffer, 1<<20, 1024, 64<<20)
	set(&l.SessionBuffer, 32<<20, 4096, many)
	set(&l.SendQueue, 32<<20, 1024, many)
	set(&l.Metadata, 512, 1, 900)
	set(&l.Candidates, 24, 1, 64)
	set(&l.Introductions, 1024, 1, many)
	set(&l.ForwardedHellos, 32, 1, many)
	set(&l.StartupRate, 20000, 10, many)
	set(&l.Reassemblies, 64, 1, many)
	set(&l.Startup, 4256, 1200, 4256)
	return l
}
