package bench

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Options say what load to make and what to measure. The tags are the flags of `afterglow bench`, with their
// defaults.
type Options struct {
	URL        []string `default:"rtmp://127.0.0.1:1935/live" sep:"none" help:"Application to play from, rtmp:// or rtmfp://. Give one of each for players of both, see --rtmfp-share."`
	PublishURL string   `name:"publish-url" placeholder:"URL" help:"Application to publish to, rtmp:// or rtmfp://; the first --url without it."`
	Stream     string   `default:"bench%d" help:"Stream name; %d is the publisher's number, counted from 0."`
	Key        string   `help:"Publish key, added to the stream name as ?key=KEY."`

	Players    int           `short:"n" default:"100" help:"Players; they share the publishers' streams evenly."`
	Steps      []int         `placeholder:"N" help:"Measure at each of these numbers of players, one row each, instead of --players."`
	FindMax    bool          `help:"Look for the largest clean number of players, from --players upwards; a step that is not clean is tried twice."`
	Resolution float64       `default:"0.05" help:"How near --find-max goes, as a share of the number found."`
	Publishers int           `default:"1" help:"Publishers. With 0, players play what somebody else publishes under --stream."`
	Profile    string        `default:"hd" enum:"hd,sd" help:"Generated media: hd is 2.53 Mbit/s, sd 516 kbit/s; both H.264 at 30 frames and AAC, 77 messages a second."`
	File       string        `placeholder:"FLV" help:"Publish this FLV file in a loop instead of generated media."`
	Rate       int           `default:"500" help:"Joins a second."`
	Warmup     time.Duration `default:"2s" help:"Wait between the last join and the measurement."`
	Duration   time.Duration `default:"10s" help:"How long to measure; a multiple of 2s holds whole groups of pictures."`

	JoinTimeout time.Duration `default:"30s" help:"How long the last player may take to get its first picture."`
	MemoryFrom  int           `placeholder:"N" help:"Also take the server's memory at N players; memory a player is the difference over the players added since."`

	RTMFPShare        float64 `name:"rtmfp-share" default:"0.5" help:"With two --url: the share of players over RTMFP."`
	HMAC              bool    `name:"hmac" default:"true" negatable:"" help:"RTMFP: packets carry an HMAC, both ways, instead of a checksum."`
	Sequence          bool    `default:"true" negatable:"" help:"RTMFP: packets carry session sequence numbers, both ways."`
	SessionsPerSocket int     `default:"64" help:"RTMFP: players that share a socket. At a server in 127.0.0.0/8 each has an address of its own nevertheless; elsewhere 1 is for servers that allow one session for each address."`

	GatherReads time.Duration `default:"250us" help:"RTMFP: sockets let arrive what comes for this long before they read on, at a server in 127.0.0.0/8. 0 reads at once, for more processor time."`

	NeverRead int    `placeholder:"K" help:"Further players that never read after play, reported apart."`
	Slow      string `placeholder:"K:RATE" help:"Further players that read RATE, such as 1:10kB/s, reported apart."`

	Pid       []int  `help:"The server's process, for CPU and memory; descendants are included."`
	Start     string `placeholder:"CMD" help:"Start this server (with GOMAXPROCS=1, see --server-procs), wait for its port, measure it, stop it."`
	ServerCPU int    `name:"server-cpu" default:"-1" help:"Pin the started server to this core; -1 does not."`
	ClientCPU int    `name:"client-cpu" default:"-1" help:"Pin the load to this core; -1 does not."`
	Procs     int    `name:"server-procs" default:"1" help:"GOMAXPROCS of the started server."`
	Threads   int    `default:"1" help:"Threads for players."`
	Addresses int    `default:"1" help:"Loopback source addresses to spread players over, 127.0.0.1 upwards; more are taken by themselves beyond 20,000 players."`

	JSON  string `name:"json" placeholder:"FILE" help:"Write the report as JSON to FILE, or to standard output for - instead of the table."`
	Quiet bool   `short:"q" help:"No progress on standard error."`

	raw *rawServer // set by Floor: frames without a protocol
}

// rawServer says that the server is the floor's.
type rawServer struct{ gather time.Duration }

// Verdict limits: a step with more than this is not clean.
const (
	cleanShare      = 0.995
	stallLimit      = 500 * time.Millisecond
	drainLimit      = time.Second            // for what was sent in time to arrive
	latencyGrowth   = 150 * time.Millisecond // from the first eighth of a measurement to its last
	saturated       = 0.9
	foreignLimit    = 0.05
	latePublisher   = 30 * time.Millisecond
	playersPerIP    = 20_000 // local ports are about 28,000
	spareFiles      = 128
	maxSpecial      = 10_000
	maxLoopbackHost = 250
	mostGathered    = 100 * time.Millisecond
)

// steps returns the numbers of players to measure at.
func (o *Options) steps() []int {
	if len(o.Steps) > 0 {
		return o.Steps
	}
	return []int{o.Players}
}

func (o *Options) check() error {
	for _, n := range o.steps() {
		if n < 0 {
			return fmt.Errorf("%d players: must not be negative", n)
		}
	}
	switch {
	case o.Publishers < 0:
		return errors.New("--publishers must not be negative")
	case o.Rate < 1:
		return errors.New("--rate must be at least 1")
	case o.Threads < 1:
		return errors.New("--threads must be at least 1")
	case o.Duration <= 0, o.Warmup < 0, o.JoinTimeout <= 0:
		return errors.New("--duration and --join-timeout must be positive, --warmup not negative")
	case o.Resolution <= 0:
		return errors.New("--resolution must be positive")
	case o.FindMax && (o.Players < 1 || len(o.Steps) > 0):
		return errors.New("--find-max needs --players to start from, and no --steps")
	case o.NeverRead < 0 || o.NeverRead > maxSpecial:
		return fmt.Errorf("--never-read must lie between 0 and %d", maxSpecial)
	case o.Addresses < 1 || o.Addresses > maxLoopbackHost:
		return fmt.Errorf("--addresses must lie between 1 and %d", maxLoopbackHost)
	case o.RTMFPShare < 0 || o.RTMFPShare > 1:
		return errors.New("--rtmfp-share must lie between 0 and 1")
	case o.GatherReads < 0 || o.GatherReads > mostGathered:
		return fmt.Errorf("--gather-reads must lie between 0 and %s", mostGathered)
	case o.SessionsPerSocket < 1:
		return errors.New("--sessions-per-socket must be at least 1")
	case o.Start != "" && len(o.Pid) > 0:
		return errors.New("--start and --pid exclude each other")
	case strings.Count(o.Stream, "%") > 1 || strings.Contains(o.Stream, "%") && !strings.Contains(o.Stream, "%d"):
		return fmt.Errorf("--stream %q: only one %%d can be filled in", o.Stream)
	case o.Publishers > 1 && !strings.Contains(o.Stream, "%d"):
		return fmt.Errorf("--stream %q needs a %%d for %d publishers", o.Stream, o.Publishers)
	}
	if _, _, err := parseSlow(o.Slow); err != nil {
		return err
	}
	play, _, err := o.targets()
	if err == nil && o.Slow != "" && play[0].transport == overRTMFP {
		return errors.New("--slow is for players over RTMP: give their --url first")
	}
	return err
}

// overRTMFP says whether the next player after so many is one of RTMFP, where players of both transports are asked for.
func (o *Options) overRTMFP(players int) bool {
	return int(float64(players+1)*o.RTMFPShare) > int(float64(players)*o.RTMFPShare)
}

// mostPlayers is how many players so many descriptors allow.
func (o *Options) mostPlayers(files int) int {
	files -= spareFiles + o.Publishers + o.NeverRead
	if o.transport() == overRTMFP {
		return files * o.SessionsPerSocket
	}
	return files
}

// streamName returns the name of the stream of publisher i.
func (o *Options) streamName(i int) string {
	return strings.Replace(o.Stream, "%d", strconv.Itoa(i), 1)
}

// streams is how many streams players share.
func (o *Options) streams() int { return max(o.Publishers, 1) }

// parseSlow takes K:RATE apart into players and bytes a second.
func parseSlow(s string) (players, rate int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	count, size, ok := strings.Cut(s, ":")
	players, err = strconv.Atoi(count)
	if !ok || err != nil || players < 0 || players > maxSpecial {
		return 0, 0, fmt.Errorf("--slow %q: want players and rate, such as 1:10kB/s", s)
	}
	size = strings.ToLower(strings.TrimSuffix(size, "/s"))
	unit := 1
	for _, u := range []struct {
		suffix string
		bytes  int
	}{{"kb", 1000}, {"mb", 1_000_000}, {"b", 1}} {
		if strings.HasSuffix(size, u.suffix) {
			size, unit = strings.TrimSuffix(size, u.suffix), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(size), 64)
	if err != nil || n <= 0 || n*float64(unit) > 1e9 {
		return 0, 0, fmt.Errorf("--slow %q: rate must be a number of B/s, kB/s or MB/s", s)
	}
	return players, max(int(n*float64(unit)), 1), nil
}
