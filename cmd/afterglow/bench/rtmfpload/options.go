package rtmfpload

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"time"
)

// Common are the options of every measurement. The tags are the flags of `afterglow bench rtmfp`, with their defaults.
type Common struct {
	ServerCPU int  `name:"server-cpu" default:"0" help:"Pin the server to this core; =-1 does not."`
	ClientCPU int  `name:"client-cpu" default:"1" help:"Pin the client, and attackers, to this core; =-1 does not."`
	Procs     int  `default:"1" help:"GOMAXPROCS and shards of the server, a power of two. With more than one nothing is pinned."`
	HMAC      bool `name:"hmac" default:"true" negatable:"" help:"Packets carry an HMAC instead of a checksum, both ways."`
	Sequence  bool `default:"false" negatable:"" help:"Packets carry session sequence numbers, both ways."`
	Sockets   int  `default:"8" help:"Sockets that the client's sessions share. The more, the less the server's datagrams for several of them can be joined."`

	Rounds  int    `default:"3" help:"Measure so many times, and report the median."`
	JSON    string `name:"json" placeholder:"FILE" help:"Write the report as JSON to FILE, or to standard output for - instead of the table."`
	Profile string `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the server in the last round to FILE."`
	Quiet   bool   `short:"q" help:"No progress on standard error."`

	// Spawn makes the command of a process that calls Work.
	Spawn func() *exec.Cmd `kong:"-" json:"-"`
}

// BurstOptions are those of Burst.
type BurstOptions struct {
	Common   `embed:""`
	Sessions int           `default:"500" help:"Sessions, each with an identity of its own on the client."`
	Burst    int           `default:"5" help:"Full packets of a burst, which is one message."`
	Every    time.Duration `default:"0s" help:"Each session gets a burst this often, such as 40ms. 0 is as fast as possible: the next one when the last is acknowledged."`
	Streams  int           `default:"1" help:"With --every, spread the sessions' bursts over so many points of time, as if they watched different streams."`
	Flight   int           `default:"1" help:"As fast as possible: bursts of a session that may wait for their acknowledgement."`
	Gigabits float64       `default:"1" help:"As fast as possible: how much to send in a round."`
	Duration time.Duration `default:"5s" help:"With --every: how long a round takes."`
	NoFloor  bool          `help:"Leave the floors out."`
}

// BulkOptions are those of Bulk.
type BulkOptions struct {
	Common   `embed:""`
	Message  int           `default:"65536" help:"Bytes of a message."`
	Duration time.Duration `default:"5s" help:"How long a round takes."`
}

// HandshakeOptions are those of Handshake.
type HandshakeOptions struct {
	Common   `embed:""`
	Groups   []int         `default:"2,5,14,16" help:"Diffie-Hellman groups."`
	Static   bool          `help:"The server has a static key: one exponentiation instead of two."`
	Parallel int           `default:"16" help:"Handshakes at a time."`
	Duration time.Duration `default:"3s" help:"How long a round takes for each group."`

	most uint64 // handshakes, if not 0
}

// IdleOptions are those of Idle.
type IdleOptions struct {
	Common   `embed:""`
	Sessions int           `default:"10000" help:"Idle sessions."`
	Bare     bool          `help:"Sessions without any flow. Otherwise each has one both ways that has carried a message."`
	Duration time.Duration `default:"20s" help:"How long to look at keepalives, of which there is one in 10s."`
}

// FloodOptions are those of Flood.
type FloodOptions struct {
	Common   `embed:""`
	Sessions int           `default:"50" help:"Innocent sessions."`
	Burst    int           `default:"5" help:"Full packets of the burst that each gets at a time."`
	Every    time.Duration `default:"40ms" help:"Each gets a burst and sends a small message this often."`
	Ports    int           `default:"64" help:"Source ports of the attackers."`
	Duration time.Duration `default:"3s" help:"How long each attack takes."`
	Only     []string      `placeholder:"NAME" help:"Only these attacks: random, mutated, replayed, hello, forged, keying."`

	most uint64 // datagrams of an attack, if not 0
}

// FloorOptions are those of Floor.
type FloorOptions struct {
	Common   `embed:""`
	Sessions int     `default:"500" help:"Ciphers that are used in turn."`
	Burst    int     `default:"5" help:"Packets of a burst."`
	Gigabits float64 `default:"1" help:"How much to seal, and to send, in a round."`
}

const (
	mostSessions = 60_000
	mostSockets  = 256
	mostBurst    = 64
)

func (c *Common) check() error {
	switch {
	case c.Procs < 1 || c.Procs > 64 || c.Procs&(c.Procs-1) != 0:
		return errors.New("--procs must be a power of two up to 64")
	case c.Sockets < 1 || c.Sockets > mostSockets:
		return fmt.Errorf("--sockets must lie between 1 and %d", mostSockets)
	case c.Rounds < 1:
		return errors.New("--rounds must be at least 1")
	case c.Spawn == nil:
		return errors.New("no way to start processes")
	}
	for _, cpu := range []int{c.ServerCPU, c.ClientCPU} {
		if cpu >= runtime.NumCPU() {
			return fmt.Errorf("there is no core %d: --server-cpu and --client-cpu lie below %d, or are -1", cpu, runtime.NumCPU())
		}
	}
	return nil
}

// serverCPU and clientCPU are the cores to pin to.
func (c *Common) serverCPU() int { return c.pinned(c.ServerCPU) }
func (c *Common) clientCPU() int { return c.pinned(c.ClientCPU) }

func (c *Common) pinned(cpu int) int {
	if c.Procs > 1 {
		return -1
	}
	return cpu
}

func (o *BurstOptions) check() error {
	if err := checkLoad(o.Sessions, o.Burst); err != nil {
		return err
	}
	switch {
	case o.Every < 0 || o.Every > 0 && o.Duration <= 0:
		return errors.New("--every must not be negative, and --duration is needed with it")
	case o.Every == 0 && !(o.Gigabits > 0):
		return errors.New("--gigabits must be positive")
	case o.Streams < 1 || o.Flight < 1:
		return errors.New("--streams and --flight must be at least 1")
	}
	return o.Common.check()
}

func (o *BulkOptions) check() error {
	if o.Message < 1 || o.Message > 16<<20 || o.Duration <= 0 {
		return errors.New("--message must lie between 1 byte and 16 MiB, --duration must be positive")
	}
	return o.Common.check()
}

func (o *HandshakeOptions) check() error {
	for _, group := range o.Groups {
		if !slices.Contains([]int{2, 5, 14, 16}, group) {
			return fmt.Errorf("--groups: no group %d", group)
		}
	}
	if len(o.Groups) == 0 || o.Parallel < 1 || o.Parallel > 1000 || o.Duration <= 0 {
		return errors.New("--groups must name one, --parallel lie between 1 and 1000, --duration be positive")
	}
	return o.Common.check()
}

func (o *IdleOptions) check() error {
	if o.Duration <= 0 {
		return errors.New("--duration must be positive")
	}
	return errors.Join(checkLoad(o.Sessions, 1), o.Common.check())
}

func (o *FloodOptions) check() error {
	if o.Every <= 0 || o.Duration <= 0 || o.Ports < 1 || o.Ports > 4096 {
		return errors.New("--every and --duration must be positive, --ports lie between 1 and 4096")
	}
	for _, name := range o.Only {
		if !slices.Contains(attackNames, name) {
			return fmt.Errorf("--only %s: no such attack; there are %v", name, attackNames)
		}
	}
	return errors.Join(checkLoad(o.Sessions, o.Burst), o.Common.check())
}

func (o *FloorOptions) check() error {
	if !(o.Gigabits > 0) {
		return errors.New("--gigabits must be positive")
	}
	return errors.Join(checkLoad(o.Sessions, o.Burst), o.Common.check())
}

func checkLoad(sessions, burst int) error {
	switch {
	case sessions < 1 || sessions > mostSessions:
		return fmt.Errorf("--sessions must lie between 1 and %d", mostSessions)
	case burst < 1 || burst > mostBurst:
		return fmt.Errorf("--burst must lie between 1 and %d", mostBurst)
	}
	return nil
}

// progress tells somebody who waits how far things are.
type progress struct{ out io.Writer }

func (c *Common) progress(out io.Writer) progress {
	if c.Quiet {
		return progress{}
	}
	return progress{out}
}

func (p progress) say(format string, args ...any) {
	if p.out != nil {
		fmt.Fprintf(p.out, format+"\n", args...)
	}
}
