package netconntest

import (
	"slices"
	"strings"

	"afterglow/media"
	"afterglow/netconn"
)

// next takes the oldest message of those that match. Others wait until they are asked for.
func (p *Peer) next(match func(netconn.Message) bool) (netconn.Message, error) {
	if i := slices.IndexFunc(p.early, match); i >= 0 {
		m := p.early[i]
		p.early = slices.Delete(p.early, i, i+1)
		return m, nil
	}
	for {
		m, err := p.wire.Receive()
		if err != nil || match(m) {
			return m, err
		}
		p.early = append(p.early, m)
	}
}

// laneOf matches the messages that keep their order with the one that a line describes, or begins to: all of them unless the
// transport has lanes.
func (p *Peer) laneOf(line string) func(netconn.Message) bool {
	if !p.manner.Lanes {
		return func(netconn.Message) bool { return true }
	}
	words := strings.Fields(strings.TrimPrefix(line, "amf3 "))
	stream, kind := words[0], media.KindData
	switch {
	case words[0] == "control":
		stream = controlStream(words)
	case len(words) > 1 && words[1] == "audio":
		kind = media.KindAudio
	case len(words) > 1 && words[1] == "video":
		kind = media.KindVideo
	}
	return func(m netconn.Message) bool { return laneKind(m) == kind && laneStream(m) == stream }
}

// controlStream is the stream of a user control event: those about a stream are among its messages (RFC 7425 5.3.7).
func controlStream(words []string) string {
	switch words[1] {
	case "0", "1", "2", "3", "4", "31", "32":
		return words[2]
	}
	return "0"
}

func laneStream(m netconn.Message) string {
	line := Describe(m)
	words := strings.Fields(strings.TrimPrefix(line, "amf3 "))
	if words[0] == "control" && len(words) > 2 {
		return controlStream(words)
	}
	return words[0]
}

func laneKind(m netconn.Message) media.Kind {
	switch m.Type {
	case netconn.TypeAudio:
		return media.KindAudio
	case netconn.TypeVideo:
		return media.KindVideo
	}
	return media.KindData
}

// byLane puts packets lane by lane, each in its order.
func byLane(packets []*media.Packet) []*media.Packet {
	out := slices.Clone(packets)
	slices.SortStableFunc(out, func(a, b *media.Packet) int { return int(a.Kind) - int(b.Kind) })
	return out
}

func describeAll(messages []netconn.Message) []string {
	out := make([]string, len(messages))
	for i, m := range messages {
		out[i] = Describe(m)
	}
	return out
}
