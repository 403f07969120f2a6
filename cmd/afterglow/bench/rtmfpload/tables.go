package rtmfpload

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

func (b *BurstReport) table(w io.Writer) {
	r, least, most := b.median()
	if r == nil {
		return
	}
	pace := "as fast as possible"
	if b.Options.Every > 0 {
		pace = "each every " + b.Options.Every.String()
	}
	fmt.Fprintf(w, "\nbursts of %d packets to %d sessions, %s; median of %d rounds\n\n", b.Options.Burst, b.Options.Sessions, pace, len(b.Rounds))
	fmt.Fprintln(w, "\tpackets/s\tMbit/s\tCPU s/Gbit\tleast\tmost\tof a core\tin kernel\tallocs/packet\tlatency p50\tp99\tmax ms\t")
	fmt.Fprintf(w, "server\t%.0f\t%.0f\t%.3f\t%.3f\t%.3f\t%.0f%%\t%.0f%%\t%.3f\t\t\t\t\n", r.PacketsPerSecond, r.Mbps,
		r.ServerPerGigabit, least, most, 100*share(r.Server.CPUSeconds, r.Sending), 100*share(r.Server.SystemSeconds, r.Server.CPUSeconds), r.AllocationsPacket)
	fmt.Fprintf(w, "client\t\t\t%.3f\t\t\t%.0f%%\t%.0f%%\t\t%.1f\t%.1f\t%.1f\t\n", r.ClientPerGigabit, 100*share(r.Client.CPUSeconds, r.Sending),
		100*share(r.Client.SystemSeconds, r.Client.CPUSeconds), r.Arrived.Latency.P50, r.Arrived.Latency.P99, r.Arrived.Latency.Max)
	if f := r.Floor; f != nil {
		fmt.Fprintf(w, "floor: seal\t\t\t%.3f\t\n", f.SealPerGigabit)
		fmt.Fprintf(w, "floor: send plain\t\t\t%.3f\t\n", f.SendPerGigabit)
		fmt.Fprintf(w, "floor: receive plain\t\t\t%.3f\t\n", f.ReceivePerGigabit)
		fmt.Fprintf(w, "server to its floors\t\t\t%.2f\t\n", r.Ratio)
	}
	t := r.ServerTraffic
	fmt.Fprintf(w, "\n%d bursts in %.1f s, %d missing, %d skipped, %d fragments repeated, %d sessions ended; %.2f acknowledging datagrams a burst;\n",
		r.Bursts, r.Server.Seconds, int64(r.Bursts)-int64(r.Arrived.Messages), r.Skipped, t.Repeated, r.Arrived.Ended,
		share(float64(t.DatagramsReceived), float64(r.Bursts)))
	fmt.Fprintf(w, "%.0f bytes a datagram, %.1f datagrams a call to send, %.1f a call to receive; %.0f%% of the server's core used by others\n",
		share(float64(t.BytesSent), float64(t.DatagramsSent)), share(float64(t.DatagramsSent), float64(t.SendCalls)),
		share(float64(t.DatagramsReceived), float64(t.ReceiveCalls)), 100*r.Server.Foreign)
}

// median is by the server's processor time.
func (b *BurstReport) median() (r *BurstRound, least, most float64) {
	if b == nil {
		return nil, 0, 0
	}
	return median(b.Rounds, func(r *BurstRound) float64 { return r.ServerPerGigabit })
}

func (b *BulkReport) table(w io.Writer) {
	if b == nil {
		return
	}
	r, least, most := median(b.Rounds, func(r *BulkRound) float64 { return r.GigabitsPerSecond })
	if r == nil {
		return
	}
	fmt.Fprintf(w, "\none flow of messages of %d bytes; median of %d rounds\n\n", b.Options.Message, len(b.Rounds))
	fmt.Fprintln(w, "\tGbit/s\tleast\tmost\tCPU s/Gbit\tof a core\t")
	fmt.Fprintf(w, "server\t%.2f\t%.2f\t%.2f\t%.3f\t%.0f%%\t\n", r.GigabitsPerSecond, least, most, r.ServerPerGigabit, 100*r.Server.busy())
	fmt.Fprintf(w, "client\t\t\t\t%.3f\t%.0f%%\t\n", r.ClientPerGigabit, 100*r.Client.busy())
	fmt.Fprintf(w, "\n%d messages, %d fragments repeated, %d datagrams lost at the client's socket\n",
		r.Arrived.Messages, r.ServerTraffic.Repeated, r.ClientTraffic.Overflows)
}

func (h *HandshakeReport) table(w io.Writer) {
	if h == nil {
		return
	}
	fmt.Fprintf(w, "\nhandshakes, %d at a time; median of %d rounds\n\n", h.Options.Parallel, h.Options.Rounds)
	fmt.Fprintln(w, "group\tper second\tleast\tmost\tserver ms each\tof a core\tfailed\t")
	for _, g := range h.Groups {
		r, least, most := median(g.Rounds, func(r *HandshakeRound) float64 { return r.PerSecond })
		if r == nil {
			continue
		}
		fmt.Fprintf(w, "%d\t%.0f\t%.0f\t%.0f\t%.3f\t%.0f%%\t%d\t\n", g.Group, r.PerSecond, least, most, 1000*r.ServerSeconds,
			100*r.Server.busy(), r.Failed)
	}
}

func (i *IdleReport) table(w io.Writer) {
	if i == nil {
		return
	}
	r, least, most := median(i.Rounds, func(r *IdleRound) float64 { return r.RSSEach })
	if r == nil {
		return
	}
	with := "a flow each way"
	if i.Options.Bare {
		with = "no flow"
	}
	fmt.Fprintf(w, "\n%d idle sessions with %s; median of %d rounds\n\n", r.Sessions, with, len(i.Rounds))
	fmt.Fprintln(w, "RSS KB each\tleast\tmost\tonce released\theap KB each\tRSS MB\tCPU ms/s\tdatagrams/s\t")
	fmt.Fprintf(w, "%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.0f\t\n", kilo(r.RSSEach), kilo(least), kilo(most), kilo(r.ReleasedEach),
		kilo(r.HeapEach), kilo(kilo(float64(r.After.RSS))), 1000*r.CPUPerSecond,
		share(float64(r.Traffic.DatagramsSent+r.Traffic.DatagramsReceived), r.Server.Seconds))
}

func kilo(bytes float64) float64 { return bytes / 1024 }

func (f *FloodReport) table(w io.Writer) {
	if f == nil || len(f.Rounds) == 0 {
		return
	}
	o := &f.Options
	phases := f.medians()
	fmt.Fprintf(w, "\n%d innocent sessions, %d packets to each and a small message from each every %v, attacked from %d ports;\n"+
		"medians of %d rounds by the latency p99 of what they get\n\n", o.Sessions, o.Burst, o.Every, o.Ports, len(f.Rounds))
	fmt.Fprintln(w, "attack\tdatagrams/s\tserver CPU\tdown p50\tp99\tmax ms\tlost\tup p50\tp99\tmax ms\tlost\tended\tsessions\t"+
		"heap MB before\tafter\tRSS MB before\tafter\t")
	for _, p := range phases {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f%%\t%.1f\t%.1f\t%.1f\t%d\t%.1f\t%.1f\t%.1f\t%d\t%d\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t\n", p.Attack, p.PerSecond,
			100*p.Server.busy(), p.Down.Latency.P50, p.Down.Latency.P99, p.Down.Latency.Max, p.LostBursts, p.Up.Latency.P50,
			p.Up.Latency.P99, p.Up.Latency.Max, p.LostUploads, p.Down.Ended, p.Sessions, mega(p.Before.Heap), mega(p.After.Heap),
			mega(p.Before.RSS), mega(p.After.RSS))
	}
	fmt.Fprintln(w)
	for _, p := range phases {
		fmt.Fprintf(w, "%s: %s; the system dropped %d\n", p.Attack, p.Counters.notable(), p.Traffic.Overflows)
	}
}

// medians gives each phase of the round in which it was in the middle.
func (f *FloodReport) medians() (phases []*FloodPhase) {
	for i := range f.Rounds[0] {
		var same []FloodPhase
		for _, round := range f.Rounds {
			if i < len(round) {
				same = append(same, round[i])
			}
		}
		p, _, _ := median(same, func(p *FloodPhase) float64 { return p.Down.Latency.P99 })
		phases = append(phases, p)
	}
	return phases
}

func mega(bytes int64) float64 { return kilo(kilo(float64(bytes))) }

// notable gives the counters of what was dropped, refused and answered.
func (c Counters) notable() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if !strings.HasPrefix(name, "Datagrams") && !strings.HasPrefix(name, "Bytes") {
			all = append(all, fmt.Sprintf("%s %d", name, c[name]))
		}
	}
	if len(all) == 0 {
		return "nothing counted"
	}
	return strings.Join(all, ", ")
}

func (f *FloorReport) table(w io.Writer) {
	if f == nil {
		return
	}
	fmt.Fprintf(w, "\nfloors with %d packets in a burst; medians of %d rounds\n\n", f.Options.Burst, len(f.Rounds))
	fmt.Fprintln(w, "\tCPU s/Gbit\tleast\tmost\tns/packet\t")
	for _, row := range []struct {
		name   string
		figure func(*FloorRound) float64
	}{
		{"seal", func(r *FloorRound) float64 { return r.SealPerGigabit }},
		{"send plain", func(r *FloorRound) float64 { return r.SendPerGigabit }},
		{"receive plain", func(r *FloorRound) float64 { return r.ReceivePerGigabit }},
	} {
		r, least, most := median(f.Rounds, row.figure)
		if r == nil {
			return
		}
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.3f\t%.0f\t\n", row.name, row.figure(r), least, most,
			row.figure(r)*datagramSize*8/1e9*float64(time.Second))
	}
}
