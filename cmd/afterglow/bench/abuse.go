package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// Attack is one way to misuse a server.
type Attack struct {
	Name  string
	About string // what it does
	// Refused says that a server has to end each of the connections, which cost it something or make no sense.
	Refused bool

	run func(context.Context, *assault) error
}

// Attacks returns all attacks in the order in which Abuse runs them.
func Attacks() []Attack {
	return slices.Concat(doorAttacks, chunkAttacks, amfAttacks, commandAttacks, mediaAttacks)
}

// AbuseOptions say what to do to which server. The tags are the flags of `afterglow bench abuse`, with their defaults.
type AbuseOptions struct {
	URL  string `default:"rtmp://127.0.0.1:1935/live" help:"Application to attack. It must be on this machine."`
	Pid  []int  `help:"The server's process, for memory and descriptors; descendants are included."`
	JSON string `name:"json" placeholder:"FILE" help:"Write the report as JSON to FILE, or to standard output for - instead of the table."`

	Only     []string      `placeholder:"NAME" help:"Only these attacks; see --list."`
	Players  int           `default:"5" help:"Innocent players."`
	Scale    float64       `default:"1" help:"Share of the full counts, above 0 and at most 1."`
	Least    time.Duration `default:"2s" help:"How long to watch the innocents at least, for each attack."`
	Most     time.Duration `default:"2m" help:"How long an attack may take at most."`
	Patience time.Duration `default:"35s" help:"How long the server may take to end connections that it must end."`
	Settle   time.Duration `default:"20s" help:"How long memory and descriptors may take to come back."`
	Memory   int64         `name:"memory-mb" default:"64" help:"How many megabytes the server may keep of an attack, beyond a quarter of what it had."`
	Quiet    bool          `short:"q" help:"No progress on standard error."`

	// usage reads what the server holds; nil reads the processes of Pid.
	usage func() (ServerHolds, error)
}

// AbuseCmd is `afterglow bench abuse`.
type AbuseCmd struct {
	AbuseOptions `embed:""`
	List         bool `help:"List the attacks and what they do."`
}

// Help is the long form of the help.
func (AbuseCmd) Help() string {
	return `Each attack runs beside a stream of 30 pictures a second whose players must miss nothing and never wait for half a
second. Afterwards memory and descriptors must come back, and a new publisher and player be let in. Only servers
on this machine are attacked.

  afterglow serve & afterglow bench abuse --pid $!
  afterglow bench abuse --pid "$(pidof nginx)" --url rtmp://127.0.0.1:1940/live --json nginx.json
  afterglow bench abuse --list
  afterglow bench abuse --only amf-deep-call,pings --scale 0.1

Limits on connections and open files must allow for 2,000 at a time.`
}

// Run attacks the server and reports. It fails when an attack had an effect.
func (c *AbuseCmd) Run(ctx context.Context) error {
	if c.List {
		return listAttacks(os.Stdout)
	}
	progress := io.Writer(os.Stderr)
	if c.Quiet {
		progress = nil
	}
	r, err := Abuse(ctx, c.AbuseOptions, progress)
	if r == nil {
		return err
	}
	if e := Write(r, c.JSON, os.Stdout); err == nil {
		err = e
	}
	if n := r.failures(); err == nil && n > 0 {
		err = fmt.Errorf("%d of %d attacks had an effect", n, len(r.Attacks))
	}
	return err
}

// innocentStream is the name of the stream that must not suffer.
const innocentStream = "abuse-innocent"

// Abuse runs the attacks, one after the other, and tells progress whoever waits; nil is nobody. With an error it returns
// what it has.
func Abuse(ctx context.Context, o AbuseOptions, progress io.Writer) (*AbuseReport, error) {
	attacks, err := chosen(o.Only)
	if err != nil {
		return nil, err
	}
	r, err := newAbuseRun(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.stop()
	report := &AbuseReport{Time: time.Now(), URL: o.URL, Scale: o.Scale}
	for i, attack := range attacks {
		if progress != nil {
			fmt.Fprintf(progress, "%d/%d %s: %s\n", i+1, len(attacks), attack.Name, attack.About)
		}
		result := r.attack(ctx, attack)
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		report.Attacks = append(report.Attacks, result)
		if progress != nil && result.Verdict != verdictOK {
			fmt.Fprintf(progress, "    %s: %s\n", result.Verdict, strings.Join(result.Reasons, "; "))
		}
		if result.Verdict == verdictDead && r.revive(ctx) != nil {
			return report, errors.New("the server is gone: the attacks that follow were not run")
		}
	}
	return report, nil
}

func chosen(names []string) ([]Attack, error) {
	if len(names) == 0 {
		return Attacks(), nil
	}
	var out []Attack
	for _, name := range names {
		all := Attacks()
		i := slices.IndexFunc(all, func(a Attack) bool { return a.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("--only %s: no such attack; --list lists them", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

func (o *AbuseOptions) check() error {
	switch {
	case o.Players < 1 || o.Players > 1000:
		return errors.New("--players must lie between 1 and 1000")
	case !(o.Scale > 0 && o.Scale <= 1):
		return errors.New("--scale must be above 0 and at most 1")
	case o.Least < 0 || o.Most <= 0 || o.Patience <= 0 || o.Settle < 0:
		return errors.New("--most and --patience must be positive, --least and --settle not negative")
	}
	return nil
}

// abuseRun is a server under attack, with the innocents on it.
type abuseRun struct {
	AbuseOptions
	target    target
	innocents *innocents
}

func newAbuseRun(ctx context.Context, o AbuseOptions) (*abuseRun, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	t, err := parseTarget(o.URL)
	if err != nil {
		return nil, err
	}
	if t.transport != overRTMP {
		return nil, fmt.Errorf("%s: only servers over rtmp can be attacked", o.URL)
	}
	if err := onLoopback(ctx, t.address); err != nil {
		return nil, err
	}
	if o.usage == nil {
		o.usage = usageOf(o.Pid)
	}
	raiseFileLimit()
	r := &abuseRun{AbuseOptions: o, target: t}
	r.innocents, err = newInnocents(ctx, t, innocentStream, o.Players, nil)
	if err != nil {
		return nil, fmt.Errorf("innocent stream: %w", err)
	}
	return r, nil
}

// onLoopback refuses hosts that are not this machine.
func onLoopback(ctx context.Context, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return err
	}
	for _, ip := range all {
		if !ip.Unmap().IsLoopback() {
			return fmt.Errorf("%s is not this machine: only servers on loopback are attacked", host)
		}
	}
	return nil
}

func (r *abuseRun) stop() {
	if r.innocents != nil {
		r.innocents.stop()
		r.innocents = nil
	}
}

// revive waits for a server that may have been started anew.
func (r *abuseRun) revive(ctx context.Context) (err error) {
	r.stop()
	for range 10 {
		if r.innocents, err = newInnocents(ctx, r.target, innocentStream, r.Players, nil); err == nil {
			return nil
		}
		if e := pause(ctx, time.Second); e != nil {
			return e
		}
	}
	return err
}

// attack runs one attack and judges what it did.
func (r *abuseRun) attack(ctx context.Context, attack Attack) AbuseResult {
	out := AbuseResult{Attack: attack.Name, About: attack.About, Verdict: verdictOK}
	watch := watchUsage(r.usage)
	r.innocents.begin()
	begun := time.Now()
	a := &assault{target: r.target, scale: r.Scale, patience: r.Patience}
	limited, cancel := context.WithTimeout(ctx, r.Most)
	err := attack.run(limited, a)
	out.assault = a
	if attack.Refused && (err == nil || ended(err)) {
		err = a.awaitEnds(limited)
	}
	cancel()
	if err != nil && !ended(err) {
		out.Reasons = append(out.Reasons, err.Error())
	}
	out.Seconds = time.Since(begun).Seconds()
	// What an attack leaves behind may hurt later than the attack itself.
	_ = pause(ctx, max(r.Least-time.Since(begun), 0))
	a.hangUp(ctx)
	out.Innocent = r.innocents.end(ctx)
	out.Reasons = append(out.Reasons, out.Innocent.judge()...)
	out.Endings = a.endings()
	if a.failures > 0 && len(a.attackers) == 0 {
		out.Reasons = append(out.Reasons, fmt.Sprintf("no connection was taken: %v", a.firstFail))
	}
	if err := r.admits(ctx); err != nil {
		out.Verdict = verdictDead
		out.Reasons = append(out.Reasons, fmt.Sprintf("no new publisher and player afterwards: %v", err))
	}
	out.Holds, out.Reasons = watch.settle(ctx, r, out.Reasons)
	if len(out.Reasons) > 0 && out.Verdict == verdictOK {
		out.Verdict = verdictEffect
	}
	if len(out.Innocent.Lost) > 0 && out.Verdict != verdictDead && r.revive(ctx) != nil {
		out.Verdict = verdictDead
	}
	return out
}

// admits says whether somebody new can publish and play.
func (r *abuseRun) admits(ctx context.Context) error {
	in, err := newInnocents(ctx, r.target, "abuse-newcomer", 1, nil)
	if err != nil {
		return err
	}
	in.stop()
	return nil
}
