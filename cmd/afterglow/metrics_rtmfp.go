package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
)

// rtmfpCollector reads the counters of the RTMFP side when somebody asks.
type rtmfpCollector struct {
	node     *node
	metrics  []rtmfpMetric
	ended    *prometheus.Desc
	dropped  *prometheus.Desc
	ends     []labelled[*overrtmfp.Stats]
	droppeds []labelled[*rtmfp.EndpointStats]
}

// rtmfpMetric is one number without labels.
type rtmfpMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*overrtmfp.Stats, *rtmfp.EndpointStats) float64
}

// labelled is one of the numbers of a metric, by its label.
type labelled[S any] struct {
	label string
	read  func(S) uint64
}

func newRTMFPCollector(n *node) *rtmfpCollector {
	c := &rtmfpCollector{
		node:    n,
		ended:   describe("rtmfp_connections_ended_total", "RTMFP connections that have ended, by reason.", "reason"),
		dropped: describe("rtmfp_dropped_datagrams_total", "Datagrams that touched no session, by reason.", "reason"),
		ends: []labelled[*overrtmfp.Stats]{
			{"closed", func(s *overrtmfp.Stats) uint64 { return s.Closed.Load() }},
			{"slow", func(s *overrtmfp.Stats) uint64 { return s.Slow.Load() }},
			{"dead", func(s *overrtmfp.Stats) uint64 { return s.Dead.Load() }},
			{"replaced", func(s *overrtmfp.Stats) uint64 { return s.Replaced.Load() }},
			{"abused", func(s *overrtmfp.Stats) uint64 { return s.Abused.Load() }},
		},
		droppeds: []labelled[*rtmfp.EndpointStats]{
			{"short", func(s *rtmfp.EndpointStats) uint64 { return s.DroppedShort }},
			{"unknown session", func(s *rtmfp.EndpointStats) uint64 { return s.DroppedUnknownSession }},
			{"verification", func(s *rtmfp.EndpointStats) uint64 { return s.DroppedVerification }},
			{"replay", func(s *rtmfp.EndpointStats) uint64 { return s.DroppedReplay }},
			{"syntax", func(s *rtmfp.EndpointStats) uint64 { return s.DroppedSyntax + s.DroppedTooLong }},
			{"cookie", func(s *rtmfp.EndpointStats) uint64 { return s.DroppedCookie }},
			{"startup rate", func(s *rtmfp.EndpointStats) uint64 { return s.DroppedStartup }},
			{"handed over", func(s *rtmfp.EndpointStats) uint64 { return s.HandOverDropped }},
		},
	}
	front := func(name, help string, read func(*overrtmfp.Stats) uint64) rtmfpMetric {
		return rtmfpMetric{describe("rtmfp_"+name, help), prometheus.CounterValue,
			func(s *overrtmfp.Stats, _ *rtmfp.EndpointStats) float64 { return float64(read(s)) }}
	}
	endpoint := func(name, help string, kind prometheus.ValueType, read func(*rtmfp.EndpointStats) uint64) rtmfpMetric {
		return rtmfpMetric{describe("rtmfp_"+name, help), kind,
			func(_ *overrtmfp.Stats, s *rtmfp.EndpointStats) float64 { return float64(read(s)) }}
	}
	c.metrics = []rtmfpMetric{
		endpoint("sessions", "RTMFP sessions that are open.", prometheus.GaugeValue, func(s *rtmfp.EndpointStats) uint64 { return uint64(s.Sessions) }),
		endpoint("sessions_accepted_total", "RTMFP sessions that clients have opened.", prometheus.CounterValue, func(s *rtmfp.EndpointStats) uint64 { return s.SessionsAccepted }),
		endpoint("sessions_refused_total", "Hellos and keyings refused because of a limit.", prometheus.CounterValue, func(s *rtmfp.EndpointStats) uint64 { return s.RefusedFull + s.RefusedBusy }),
		endpoint("received_bytes_total", "Bytes of UDP payload from RTMFP far ends.", prometheus.CounterValue, func(s *rtmfp.EndpointStats) uint64 { return s.BytesReceived }),
		endpoint("sent_bytes_total", "Bytes of UDP payload to RTMFP far ends.", prometheus.CounterValue, func(s *rtmfp.EndpointStats) uint64 { return s.BytesSent }),
		front("moved_total", "Times that a client was found at another address than before.", func(s *overrtmfp.Stats) uint64 { return s.Moved.Load() }),
		front("ignored_messages_total", "Messages of types that have no place in RTMFP.", func(s *overrtmfp.Stats) uint64 { return s.Ignored.Load() }),
		front("rejected_flows_total", "Flows with unknown metadata, or of streams that do not exist.", func(s *overrtmfp.Stats) uint64 { return s.FlowsRejected.Load() }),
		front("abandoned_audio_total", "Audio messages that viewers did not get in time.", func(s *overrtmfp.Stats) uint64 { return s.AudioAbandoned.Load() }),
		front("abandoned_video_total", "Video messages that viewers did not get in time, or that were no use without one of those.", func(s *overrtmfp.Stats) uint64 { return s.VideoAbandoned.Load() }),
		front("introductions_total", "Clients that were introduced to a peer, or sent elsewhere.", func(s *overrtmfp.Stats) uint64 { return s.Introduced.Load() }),
		front("introductions_refused_total", "Introductions that were refused, or asked for too often.", func(s *overrtmfp.Stats) uint64 { return s.NotIntroduced.Load() }),
		front("redirected_total", "Hellos of new clients that were sent to other servers.", func(s *overrtmfp.Stats) uint64 { return s.Redirected.Load() }),
	}
	return c
}

// Describe names all metrics.
func (c *rtmfpCollector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- m.desc
	}
	out <- c.ended
	out <- c.dropped
}

// Collect reads all metrics; there are none without RTMFP.
func (c *rtmfpCollector) Collect(out chan<- prometheus.Metric) {
	d := c.node.rtmfp
	if d == nil {
		return
	}
	front, endpoint := d.front.Stats(), d.endpoint.Stats()
	for _, m := range c.metrics {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.read(front, &endpoint))
	}
	for _, e := range c.ends {
		out <- prometheus.MustNewConstMetric(c.ended, prometheus.CounterValue, float64(e.read(front)), e.label)
	}
	for _, e := range c.droppeds {
		out <- prometheus.MustNewConstMetric(c.dropped, prometheus.CounterValue, float64(e.read(&endpoint)), e.label)
	}
}
