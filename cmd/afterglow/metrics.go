package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"afterglow/netconn/overrtmp"
	"afterglow/streams"
)

// collector reads the server's counters when somebody asks; nothing is counted for Prometheus alone.
type collector struct {
	node    *node
	metrics []metric
	ended   *prometheus.Desc
	build   *prometheus.Desc
	// Of each published stream, up to maxListedStreams.
	subscribers *prometheus.Desc
	packets     *prometheus.Desc
	bytes       *prometheus.Desc
	skipped     *prometheus.Desc
	unlisted    *prometheus.Desc
}

// metric is one number without labels.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(overrtmp.Traffic) float64
}

// Bounds on what streams cost in /metrics: how many are listed each by itself, and how long a label may be, in bytes.
const (
	maxListedStreams = 1000
	maxLabel         = 128
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("afterglow_"+name, help, labels, nil)
}

func newCollector(n *node) *collector {
	c := &collector{
		node:        n,
		ended:       describe("connections_ended_total", "RTMP connections that have ended after their handshake, by reason.", "reason"),
		build:       describe("build_info", "Always 1; the labels say what runs.", "version", "revision", "goversion"),
		subscribers: describe("stream_subscribers", "Subscribers of a published stream now.", "app", "instance", "stream"),
		packets:     describe("stream_received_packets_total", "Packets from the stream's present publisher.", "app", "instance", "stream"),
		bytes:       describe("stream_received_bytes_total", "Payload bytes from the stream's present publisher.", "app", "instance", "stream"),
		skipped:     describe("stream_skipped_packets_total", "Audio and video packets that the stream's subscribers missed because they were too slow.", "app", "instance", "stream"),
		unlisted:    describe("streams_unlisted", "Published streams that have no series of their own here, because there are too many or the name is too long to tell apart."),
	}
	c.metrics = c.serverMetrics()
	return c
}

// serverMetrics are the numbers of the whole server.
func (c *collector) serverMetrics() []metric {
	n := c.node
	door, s, media := n.rtmp.Stats(), n.apps.Stats(), &n.apps.Stats().Streams
	gauge := func(name, help string, read func() float64) metric {
		return metric{describe(name, help), prometheus.GaugeValue, func(overrtmp.Traffic) float64 { return read() }}
	}
	counter := func(name, help string, read func() uint64) metric {
		return metric{describe(name, help), prometheus.CounterValue, func(overrtmp.Traffic) float64 { return float64(read()) }}
	}
	traffic := func(name, help string, read func(overrtmp.Traffic) uint64) metric {
		return metric{describe(name, help), prometheus.CounterValue, func(t overrtmp.Traffic) float64 { return float64(read(t)) }}
	}
	return []metric{
		gauge("connections", "RTMP connections now, those in the handshake included.", func() float64 { return float64(n.rtmp.ActiveConns()) }),
		gauge("connections_limit", "The most connections, limits.connections.", func() float64 { return float64(n.config.Load().Limits.Connections) }),
		counter("connections_accepted_total", "RTMP connections taken.", door.Accepted.Load),
		counter("connections_refused_total", "RTMP connections closed at once because of a limit.", door.Refused.Load),
		counter("handshakes_failed_total", "RTMP connections that did not get through the handshake.", door.HandshakeFailed.Load),
		gauge("clients", "Clients that an application has let in, now.", func() float64 { return float64(s.Clients.Load()) }),
		counter("connects_accepted_total", "Connect commands that were accepted.", s.Accepted.Load),
		counter("connects_rejected_total", "Connect commands that were rejected.", s.Rejected.Load),
		gauge("instances", "Instances of applications now.", func() float64 { return float64(s.Instances.Load()) }),
		gauge("shared_objects", "Shared objects in use now.", func() float64 { return float64(s.SharedObjects.Load()) }),
		counter("script_problems_total", "Errors and warnings of scripts.", s.Problems.Load),
		gauge("publishers", "Publishers now.", func() float64 { return float64(media.Publishers.Load()) }),
		gauge("subscribers", "Subscribers now: each playing NetStream is one.", func() float64 { return float64(media.Subscribers.Load()) }),
		counter("media_received_packets_total", "Packets from publishers.", media.PacketsIn.Load),
		counter("media_received_bytes_total", "Payload bytes from publishers.", media.BytesIn.Load),
		traffic("rtmp_received_bytes_total", "Bytes from RTMP clients.", func(t overrtmp.Traffic) uint64 { return t.BytesReceived }),
		traffic("rtmp_sent_bytes_total", "Bytes to RTMP clients.", func(t overrtmp.Traffic) uint64 { return t.BytesSent }),
		traffic("rtmp_ignored_messages_total", "RTMP messages of unknown type.", func(t overrtmp.Traffic) uint64 { return t.Ignored }),
		counter("subscriber_skips_total", "Times that a subscriber was too slow and was moved forward.", media.Skips.Load),
		counter("subscribers_skipping_total", "Subscribers that were moved forward at least once.", media.Skippers.Load),
		counter("subscriber_skipped_packets_total", "Audio and video packets that subscribers missed that way.", media.Skipped.Load),
		counter("subscriber_lost_messages_total", "Data and configuration messages that subscribers missed that way.", media.LostKept.Load),
		gauge("adaptive_write_interval_seconds", "How far apart writes of play.write.mode adaptive are now, before its ceiling.", func() float64 { return n.front.Interval().Seconds() }),
		gauge("draining", "1 while the server is going, else 0.", func() float64 {
			if n.draining.Load() {
				return 1
			}
			return 0
		}),
	}
}

// Describe names all metrics.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- m.desc
	}
	for _, d := range []*prometheus.Desc{c.ended, c.build, c.subscribers, c.packets, c.bytes, c.skipped, c.unlisted} {
		out <- d
	}
}

// Collect reads all metrics.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	put := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	traffic := c.node.front.Traffic()
	for _, m := range c.metrics {
		put(m.desc, m.kind, m.read(traffic))
	}
	ends := c.node.front.Stats()
	put(c.ended, prometheus.CounterValue, float64(ends.Closed.Load()), "closed")
	put(c.ended, prometheus.CounterValue, float64(ends.Slow.Load()), "slow")
	put(c.ended, prometheus.CounterValue, float64(ends.Dead.Load()), "dead")
	put(c.ended, prometheus.CounterValue, float64(ends.Abused.Load()), "abused")
	b := currentBuild()
	put(c.build, prometheus.GaugeValue, 1, b.Version, b.Revision, b.Go)
	listed, unlisted := c.node.listedStreams()
	for _, s := range listed {
		l := s.labels[:]
		put(c.subscribers, prometheus.GaugeValue, float64(s.info.Subscribers), l...)
		put(c.packets, prometheus.CounterValue, float64(s.info.PacketsIn), l...)
		put(c.bytes, prometheus.CounterValue, float64(s.info.BytesIn), l...)
		put(c.skipped, prometheus.CounterValue, float64(s.info.Skipped), l...)
	}
	put(c.unlisted, prometheus.GaugeValue, float64(unlisted))
}

// listedStream is a published stream and what tells it apart: application, instance and name.
type listedStream struct {
	labels [3]string
	info   streams.StreamInfo
}

// listedStreams returns the published streams that /metrics lists, and how many it leaves out. The oldest come first:
// one that is listed stays so.
func (n *node) listedStreams() (listed []listedStream, unlisted int) {
	for _, i := range n.apps.Instances() {
		app, instance, _ := strings.Cut(i.Name(), "/")
		for _, info := range i.Hub().Streams() {
			if info.Published {
				listed = append(listed, listedStream{[3]string{label(app), label(instance), label(info.Name)}, info})
			}
		}
	}
	all := len(listed)
	slices.SortFunc(listed, func(a, b listedStream) int {
		return cmp.Or(a.info.Since.Compare(b.info.Since), slices.Compare(a.labels[:], b.labels[:]))
	})
	// Shortened names may be alike, which Prometheus does not take.
	seen := make(map[[3]string]bool)
	listed = slices.DeleteFunc(listed, func(s listedStream) bool {
		again := seen[s.labels]
		seen[s.labels] = true
		return again
	})
	listed = listed[:min(len(listed), maxListedStreams)]
	return listed, all - len(listed)
}

// label makes a label of what a client named.
func label(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxLabel)], "?")
}
