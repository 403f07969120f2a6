package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// AbuseReport is the result of Abuse. Times in JSON are milliseconds where the name does not say otherwise.
type AbuseReport struct {
	Time    time.Time     `json:"time"`
	URL     string        `json:"url"`
	Scale   float64       `json:"scale"`
	Attacks []AbuseResult `json:"attacks"`
}

// The verdicts on a server.
const (
	verdictOK     = "ok"
	verdictEffect = "effect" // somebody else noticed, or something is left
	verdictDead   = "dead"   // nobody can publish and play any more
)

// AbuseResult is what one attack did.
type AbuseResult struct {
	Attack   string      `json:"attack"`
	About    string      `json:"about"`
	Verdict  string      `json:"verdict"` // ok, effect or dead
	Reasons  []string    `json:"reasons,omitempty"`
	Seconds  float64     `json:"seconds"`
	Innocent Innocents   `json:"innocent"`
	Endings  Endings     `json:"attackers"`
	Holds    *AbuseHolds `json:"server,omitempty"`

	assault *assault
}

// Innocents is what the innocent players had during an attack. FPS is the pictures a second of the one that had fewest.
type Innocents struct {
	Players      int      `json:"players"`
	FPS          float64  `json:"fps"`
	Gaps         uint64   `json:"gaps"` // frames missing
	Repeats      uint64   `json:"repeats"`
	LongestStall float64  `json:"longest_stall_ms"`
	Lost         []string `json:"lost,omitempty"` // publisher and players that ended
}

// Endings is how the attackers' connections ended.
type Endings struct {
	Connections int            `json:"connections"`
	How         map[string]int `json:"how"`
	Longest     float64        `json:"longest_ms"` // of those that the server ended, from connect to end
}

// String returns the endings with their numbers.
func (e Endings) String() string {
	var parts []string
	for _, how := range slices.Sorted(maps.Keys(e.How)) {
		parts = append(parts, fmt.Sprintf("%d %s", e.How[how], how))
	}
	if e.Longest > 0 {
		parts = append(parts, fmt.Sprintf("after %.1f s at most", e.Longest/1000))
	}
	return strings.Join(parts, ", ")
}

func (r *AbuseReport) failures() int {
	n := 0
	for _, a := range r.Attacks {
		if a.Verdict != verdictOK {
			n++
		}
	}
	return n
}

// WriteTable writes the report for people: a row for each attack, and then what it did.
func (r *AbuseReport) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "attack\tverdict\tfps\tgaps\tstall ms\tMB before\tpeak\tafter\tfiles before\tpeak\tafter\tseconds\tattackers")
	for i := range r.Attacks {
		a := &r.Attacks[i]
		held := "-\t-\t-\t-\t-\t-"
		if h := a.Holds; h != nil {
			held = fmt.Sprintf("%.1f\t%.1f\t%.1f\t%d\t%d\t%d", megabytes(h.Before), megabytes(h.Peak), megabytes(h.After),
				h.Before.Descriptors, h.Peak.Descriptors, h.After.Descriptors)
		}
		fmt.Fprintf(t, "%s\t%s\t%.1f\t%d\t%.0f\t%s\t%.1f\t%s\n",
			a.Attack, a.Verdict, a.Innocent.FPS, a.Innocent.Gaps, a.Innocent.LongestStall, held, a.Seconds, a.Endings)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i := range r.Attacks {
		if a := &r.Attacks[i]; len(a.Reasons) > 0 {
			fmt.Fprintf(w, "\n%s (%s): %s\n", a.Attack, a.About, strings.Join(a.Reasons, "; "))
		}
	}
	_, err := fmt.Fprintf(w, "\n%s: %d attacks, %d had an effect\n", r.URL, len(r.Attacks), r.failures())
	return err
}

func megabytes(h ServerHolds) float64 { return float64(h.Memory) / (1 << 20) }

// WriteJSON writes the report indented.
func (r *AbuseReport) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func listAttacks(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, a := range Attacks() {
		fmt.Fprintf(t, "%s\t%s\n", a.Name, a.About)
	}
	return t.Flush()
}
