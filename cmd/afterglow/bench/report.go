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
	Server       string    `json:"server"` // URL, or what the floor did
	Load         string    `json:"load"`   // profile or file
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
	Players int      `json:"players"`
	Clean   bool     `json:"clean"`
	Reasons []string `json:"reasons,omitempty"` // why it is not clean
	Notes   []string `json:"notes,omitempty"`   // what makes the figures doubtful

	Seconds float64 `json:"seconds"`
	// SentGigabits is what publishers sent, DeliveredGigabits what players received, payload of media only.
	SentGigabits      float64 `json:"sent_gigabits"`
	DeliveredGigabits float64 `json:"delivered_gigabits"`
	DeliveredMbps     float64 `json:"delivered_mbps"`
	// DeliveredShare is how much of what was sent in the measured time reached all players, 1 is everything.
	DeliveredShare float64 `json:"delivered_share"`
	VideoGaps      uint64  `json:"video_gaps"` // frames missing
	AudioGaps      uint64  `json:"audio_gaps"`
	JoiningGaps    uint64  `json:"joining_gaps"` // frames missing before the measurement
	Repeats        uint64  `json:"repeats"`      // frames that came twice or too late
	Stalls         uint64  `json:"stalls"`       // times without a picture for more than half a second
	WorstStall     float64 `json:"worst_stall_ms"`

	Latency      Spread `json:"latency_ms"`       // publisher's write to player's read
	Join         Spread `json:"join_ms"`          // TCP connect to first keyframe
	FirstPicture Spread `json:"first_picture_ms"` // play sent to first keyframe

	Lost    map[string]int  `json:"lost,omitempty"` // players that ended, by reason
	Special []SpecialPlayer `json:"special,omitempty"`
	Server  *ServerUse      `json:"server,omitempty"`
	Load    LoadUse         `json:"load"`
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
	BusiestThread    float64 `json:"busiest_thread"` // share of a core
	Process          float64 `json:"process"`        // cores
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
	fmt.Fprintln(t, "players\tclean\tdelivered\tMbit/s\tCPU s/Gbit\tCPU\tRSS MB\tKB/player\t"+
		"latency p50\tp90\tp99\tmax ms\tjoin p50\tp99 ms\tgaps\tstalls\tlost\tload CPU\t")
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

func (s *Step) row(w io.Writer) {
	clean := "no"
	if s.Clean {
		clean = "yes"
	}
	perGigabit, cpu, rss, perPlayer := "-", "-", "-", "-"
	if u := s.Server; u != nil {
		perGigabit, cpu = fmt.Sprintf("%.3f", u.CPUSecondsPerGigabit), fmt.Sprintf("%.0f%%", 100*u.CPUShare)
		rss = fmt.Sprintf("%.1f", float64(u.RSSBytes)/(1<<20))
		if u.BytesPerPlayer != 0 {
			perPlayer = fmt.Sprintf("%.1f", u.BytesPerPlayer/(1<<10))
		}
	}
	lost := 0
	for _, n := range s.Lost {
		lost += n
	}
	fmt.Fprintf(w, "%d\t%s\t%.2f%%\t%.0f\t%s\t%s\t%s\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t%d\t%d\t%d\t%.0f%%\t\n",
		s.Players, clean, 100*s.DeliveredShare, s.DeliveredMbps, perGigabit, cpu, rss, perPlayer,
		s.Latency.P50, s.Latency.P90, s.Latency.P99, s.Latency.Max, s.Join.P50, s.Join.P99,
		s.VideoGaps+s.AudioGaps, s.Stalls, lost, 100*s.Load.Process)
}

func (s *Step) remarks(w io.Writer) {
	if len(s.Reasons) > 0 {
		fmt.Fprintf(w, "\n%d players, not clean: %s\n", s.Players, strings.Join(s.Reasons, "; "))
	}
	for _, n := range s.Notes {
		fmt.Fprintf(w, "%d players, note: %s\n", s.Players, n)
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
		add("%d frames missing", n)
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
	if s.Load.Foreign > foreignLimit {
		add("other processes took %.0f%% of the load's core", 100*s.Load.Foreign)
	}
	if s.Server != nil && s.Server.Foreign > foreignLimit {
		add("other processes took %.0f%% of the server's core", 100*s.Server.Foreign)
	}
}
