package appload

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Report is what a load has measured.
type Report struct {
	What    string  `json:"what"` // changes or calls
	URL     string  `json:"url"`
	Clients int     `json:"clients"`
	Seconds float64 `json:"seconds"`
	Done    uint64  `json:"done"` // changes or calls
	CPU     float64 `json:"cpu"`  // of the server, in cores; 0 if it is not known
	Seen    uint64  `json:"seen"` // changes that others saw, answers
	P50     float64 `json:"p50"`  // milliseconds from asking to seeing
	P99     float64 `json:"p99"`  //
	Max     float64 `json:"max"`  //
	// Expected is how many changes others should have seen, but for those under way at either end.
	Expected uint64 `json:"expected,omitempty"`
}

func (r *Report) take(k *counts) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	r.Done, r.Seen = k.done, k.latency.Count()
	r.P50, r.P99, r.Max = ms(k.latency.Quantile(0.5)), ms(k.latency.Quantile(0.99)), ms(k.latency.Max())
}

// WriteJSON writes the report indented.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "clients\t%s/s\tseen/s\tserver cores\tlatency p50\tp99\tmax ms\n", r.What)
	fmt.Fprintf(t, "%d\t%.1f\t%.1f\t%.3f\t%.2f\t%.2f\t%.2f\n", r.Clients, float64(r.Done)/r.Seconds, float64(r.Seen)/r.Seconds, r.CPU, r.P50, r.P99, r.Max)
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Expected > 0 && r.Seen < r.Expected-r.Expected/100 {
		_, err := fmt.Fprintf(w, "%d of %d changes were not seen by others\n", r.Expected-r.Seen, r.Expected)
		return err
	}
	return nil
}
