package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the result of a run. Times in JSON are milliseconds where the name does not say otherwise.
type Report struct {
	Time         time.Time `json:"time"`
	Server       string    `json:"server"`    // URL, or what the floor did
	Transport    string    `json:"transport"` // of the players: rtmp, rtmfp or mixed
	Load         string    `json:"load"`      // profile or file
	Publishers   int       `json:"publishers"`
	Kernel       string    `json:"kernel,omitempty"`
	Processors   int       `json:"processors"`
	ServerCPU    int       `json:"server_cpu"` // core, -1 if not pinned
	ClientCPU    int       `json:"client_cpu"`
	Steps        []Step    `json:"steps"`
	LargestClean int       `json:"largest_clean"` // players of the largest clean step, 0 if there is none
}

// Step is a measurement at one number of players.
type Step struct {
	Received            // by all players
	Parts    []Received `json:"parts,omitempty"` // by those of each transport, in a run with both

	Clean   bool     `json:"clean"`
	Reasons []string `json:"reasons,omitempty"` // why it is not clean
	Notes   []string `json:"notes,omitempty"`   // what makes the figures doubtful

	Seconds float64 `json:"seconds"`
	// SentGigabits is what publishers sent, payload of media only.
	SentGigabits float64 `json:"sent_gigabits"`

	Special   []SpecialPlayer `json:"special,omitempty"`
	Server    *ServerUse      `json:"server,omitempty"`
	Load      LoadUse         `json:"load"`
	Datagrams *Datagrams      `json:"datagrams,omitempty"` // of RTMFP
}

// Received is what players got.
type Received struct {
	Transport string `json:"transport"` // rtmp, rtmfp or mixed
	Players   int    `json:"players"`

	// DeliveredGigabits is what players received, payload of media only.
	DeliveredGigabits float64 `json:"delivered_gigabits"`
	DeliveredMbps     float64 `json:"delivered_mbps"`
	// DeliveredShare is how much of what was sent in the measured time reached all players, 1 is everything.
	DeliveredShare float64 `json:"delivered_share"`
	VideoGaps      uint64  `json:"video_gaps"` // frames missing
	AudioGaps      uint64  `json:"audio_gaps"`
	Abandoned      uint64  `json:"abandoned"`    // of the frames missing: those where the server has said that it gave something up (RTMFP)
	JoiningGaps    uint64  `json:"joining_gaps"` // frames missing before the measurement
	Repeats        uint64  `json:"repeats"`      // frames that came twice or too late
	Stalls         uint64  `json:"stalls"`       // times without a picture for more than half a second
	WorstStall     float64 `json:"worst_stall_ms"`

	Latency      Spread `json:"latency_ms"`       // publisher's write to player's read
	Join         Spread `json:"join_ms"`          // TCP connect, or first packet to the server, to first keyframe
	FirstPicture Spread `json:"first_picture_ms"` // play sent to first keyframe

	Lost map[string]int `json:"lost,omitempty"` // players that ended, by reason
}

// Datagrams is what the sockets of players over RTMFP carried. Lost ones found no room in the buffer of a socket; they are sent
// again, and it costs both sides. Those that the server has lost can be told only of a server on this machine.
type Datagrams struct {
	Received       uint64  `json:"received"`
	ReceivedAtOnce float64 `json:"received_at_once"` // by a system call, in the mean
	Sent           uint64  `json:"sent"`
	LostByLoad     uint64  `json:"lost_by_load"`
	LostByServer   uint64  `json:"lost_by_server"`
}

// Spread are quantiles of durations in milliseconds.
type Spread struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// ServerUse is what the server's processes used while they were measured.
type ServerUse struct {
	CPUSeconds float64 `json:"cpu_seconds"`
	CPUShare   float64 `json:"cpu_share"` // of one core
	// CPUSecondsPerGigabit counts what players received, or with no players what publishers sent.
	CPUSecondsPerGigabit float64 `json:"cpu_seconds_per_gigabit"`
	RSSBytes             int64   `json:"rss_bytes"`
	// BytesPerPlayer is what each player added since --memory-from, 0 if that was not asked for.
	BytesPerPlayer       float64 `json:"bytes_per_player,omitempty"`
	VoluntarySwitches    int64   `json:"voluntary_switches"`
	NonvoluntarySwitches int64   `json:"nonvoluntary_switches"`
	Descriptors          int     `json:"descriptors"`
	// Foreign is what others took of the core that the server is pinned to, as a share.
	Foreign   float64 `json:"foreign"`
	Processes int     `json:"processes"`
}

// LoadUse is what the load itself cost: when it has no time left, figures are about it and not about the server.
type LoadUse struct {
	BusiestThread float64 `json:"busiest_thread"` // share of a core, of threads that have players over RTMP
	Process       float64 `json:"process"`        // cores
	// CPUSecondsPerGigabit is of this process, publishers included, by what players received.
	CPUSecondsPerGigabit float64 `json:"cpu_seconds_per_gigabit"`

	PublisherLateP99 float64 `json:"publisher_late_p99_ms"`
	Saturated        bool    `json:"saturated"`
	Foreign          float64 `json:"foreign"` // what others took of the core that the load is pinned to, as a share
}

// SpecialPlayer is one of those that do not read as they should.
type SpecialPlayer struct {
	Role      string `json:"role"`
	Connected bool   `json:"connected"` // as far as it knows
	Bytes     uint64 `json:"bytes"`     // received in all
	Reason    string `json:"reason,omitempty"`
}

func spread(h *Histogram) Spread {
	return Spread{
		Count: h.Count(), Mean: milliseconds(h.Mean()), P50: milliseconds(h.Quantile(0.5)),
		P90: milliseconds(h.Quantile(0.9)), P99: milliseconds(h.Quantile(0.99)), Max: milliseconds(h.Max()),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// WriteJSON writes the report indented.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteTable writes the report for people: a row for each step, and then why steps are not clean.
func (r *Report) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s, %d publishers, server on core %s, load on core %s\n\n",
		r.Server, r.Load, r.Publishers, core(r.ServerCPU), core(r.ClientCPU))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "players\tover\tclean\tdelivered\tMbit/s\tCPU s/Gbit\tCPU\tRSS MB\tKB/player\t"+
		"latency p50\tp90\tp99\tmax ms\tjoin p50\tp99 ms\tgaps\tstalls\tlost\tload CPU\ts/Gbit\t")
	for i := range r.Steps {
		r.Steps[i].row(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i := range r.Steps {
		r.Steps[i].remarks(w)
	}
	if len(r.Steps) > 1 {
		fmt.Fprintf(w, "\nlargest clean: %d players\n", r.LargestClean)
	}
	return nil
}

func core(n int) string {
	if n < 0 {
		return "any"
	}
	return fmt.Sprint(n)
}

// row writes what is known of the step, and then of its parts.
func (s *Step) row(w io.Writer) {
	clean := "no"
	if s.Clean {
		clean = "yes"
	}
	server := [4]string{"-", "-", "-", "-"}
	if u := s.Server; u != nil {
		server = [4]string{
			fmt.Sprintf("%.3f", u.CPUSecondsPerGigabit), fmt.Sprintf("%.0f%%", 100*u.CPUShare),
			fmt.Sprintf("%.1f", float64(u.RSSBytes)/(1<<20)), "-",
		}
		if u.BytesPerPlayer != 0 {
			server[3] = fmt.Sprintf("%.1f", u.BytesPerPlayer/(1<<10))
		}
	}
	load := [2]string{fmt.Sprintf("%.0f%%", 100*s.Load.Process), fmt.Sprintf("%.3f", s.Load.CPUSecondsPerGigabit)}
	s.cells(w, clean, server, load)
	for i := range s.Parts {
		s.Parts[i].cells(w, "", [4]string{}, [2]string{})
	}
}

// cells writes a row of the table.
func (r *Received) cells(w io.Writer, clean string, server [4]string, load [2]string) {
	lost := 0
	for _, n := range r.Lost {
		lost += n
	}
	fmt.Fprintf(w, "%d\t%s\t%s\t%.2f%%\t%.0f\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t%d\t%d\t%d\t%s\t\n",
		r.Players, r.Transport, clean, 100*r.DeliveredShare, r.DeliveredMbps, strings.Join(server[:], "\t"),
		r.Latency.P50, r.Latency.P90, r.Latency.P99, r.Latency.Max, r.Join.P50, r.Join.P99,
		r.VideoGaps+r.AudioGaps, r.Stalls, lost, strings.Join(load[:], "\t"))
}

func (s *Step) remarks(w io.Writer) {
	if len(s.Reasons) > 0 {
		fmt.Fprintf(w, "\n%d players, not clean: %s\n", s.Players, strings.Join(s.Reasons, "; "))
	}
	for _, n := range s.Notes {
		fmt.Fprintf(w, "%d players, note: %s\n", s.Players, n)
	}
	if d := s.Datagrams; d != nil {
		fmt.Fprintf(w, "%d players, datagrams: %d received (%.1f at a time), %d sent, lost for want of room %d by the load, %d by the server\n",
			s.Players, d.Received, d.ReceivedAtOnce, d.Sent, d.LostByLoad, d.LostByServer)
	}
	for _, p := range s.Special {
		state := "connected"
		if !p.Connected {
			state = "ended: " + p.Reason
		}
		fmt.Fprintf(w, "%d players, beside them one that %s: received %d bytes, %s\n", s.Players, doing(p.Role), p.Bytes, state)
	}
}

func doing(role string) string {
	if role == slow.String() {
		return "reads slowly"
	}
	return role
}

// judge says whether a step is clean, and why not.
func (s *Step) judge(total *stats, joined int, failures []error) {
	add := func(format string, args ...any) { s.Reasons = append(s.Reasons, fmt.Sprintf(format, args...)) }
	if joined < s.Players {
		add("%d players have no picture", s.Players-joined)
	}
	for reason, n := range s.Lost {
		add("%d players lost: %s", n, reason)
	}
	for _, err := range failures {
		add("%v", err)
	}
	if n := s.VideoGaps + s.AudioGaps; n > 0 {
		add("%d frames missing%s", n, s.givenUp())
	}
	if s.Repeats > 0 {
		add("%d frames repeated or out of order", s.Repeats)
	}
	if s.Stalls > 0 {
		add("%d stalls, the longest %.1f s", s.Stalls, s.WorstStall/1000)
	}
	if s.DeliveredShare < cleanShare {
		add("%.2f%% delivered", 100*s.DeliveredShare)
	}
	first, last := total.slices[0].value(), total.slices[latencySlices-1].value()
	if last > first+latencyGrowth {
		add("falling behind, latency grew from %d to %d ms", first.Milliseconds(), last.Milliseconds())
	}
	s.Clean = len(s.Reasons) == 0
	s.doubt()
}

// givenUp says how many of the missing frames the server has given up.
func (s *Step) givenUp() string {
	if s.Abandoned == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them given up by the server", s.Abandoned)
}

// doubt notes what makes figures say less about the server than they seem to.
func (s *Step) doubt() {
	add := func(format string, args ...any) { s.Notes = append(s.Notes, fmt.Sprintf(format, args...)) }
	if l := s.Load; l.Saturated {
		add("the load itself is saturated (busiest thread %.0f%%, process %.0f%% of a core): figures may be about it",
			100*l.BusiestThread, 100*l.Process)
	}
	if s.Load.PublisherLateP99 > milliseconds(latePublisher) {
		add("publishers sent late, p99 %.0f ms: the load lacks processor time", s.Load.PublisherLateP99)
	}
	if d := s.Datagrams; d != nil && d.LostByLoad > 0 {
		add("the load has lost %d datagrams: the server sends them again, at its own cost", d.LostByLoad)
	}
	if s.Load.Foreign > foreignLimit {
		add("other processes took %.0f%% of the load's core", 100*s.Load.Foreign)
	}
	if s.Server != nil && s.Server.Foreign > foreignLimit {
		add("other processes took %.0f%% of the server's core", 100*s.Server.Foreign)
	}
}
