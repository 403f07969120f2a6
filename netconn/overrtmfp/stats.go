package overrtmfp

import (
	"sync/atomic"

	"afterglow/netconn"
)

// kindCounters count the messages of one kind.
type kindCounters struct{ sent, delivered, abandoned, bytes atomic.Uint64 }

func (c *kindCounters) snapshot() netconn.KindStats {
	return netconn.KindStats{Sent: c.sent.Load(), Delivered: c.delivered.Load(), Abandoned: c.abandoned.Load(), Bytes: c.bytes.Load()}
}

// deliveryCounters count what becomes of a stream's messages. One shard writes, anybody reads.
type deliveryCounters struct {
	kinds  [laneKinds]kindCounters
	groups atomic.Uint64
	link   *link
}

func (d *deliveryCounters) sent(kind laneKind) { d.kinds[kind].sent.Add(1) }

func (d *deliveryCounters) count(kind laneKind, m pendingMessage, delivered bool) {
	k := &d.kinds[kind]
	if delivered {
		k.delivered.Add(1)
		k.bytes.Add(uint64(m.size))
		return
	}
	k.abandoned.Add(1)
	d.link.missed[kind]++
	switch kind {
	case laneAudio:
		d.link.counts.AudioAbandoned.Add(1)
	case laneVideo:
		d.link.counts.VideoAbandoned.Add(1)
	}
}

// Stats counts what the connections of a server, or of a client, have been through.
type Stats struct {
	Closed         atomic.Uint64 // connections ended in an ordinary way
	Abused         atomic.Uint64 // ended because of what the far end sent
	Slow           atomic.Uint64 // ended because the far end took too little
	Dead           atomic.Uint64 // ended because the far end did not answer any more
	Replaced       atomic.Uint64 // ended by a newer session of the same far end
	Moved          atomic.Uint64 // times that a far end was at another address than before
	Ignored        atomic.Uint64 // messages without a meaning in RTMFP
	FlowsRejected  atomic.Uint64 // flows with unknown metadata, or of streams that do not exist
	AudioAbandoned atomic.Uint64 // audio messages that viewers did not get in time
	VideoAbandoned atomic.Uint64 // and video messages, whether lost themselves or with their group of pictures
	Introduced     atomic.Uint64 // initiators that were introduced to a peer, or sent elsewhere
	NotIntroduced  atomic.Uint64 // wishes for an introduction that were refused, or came too often
	Redirected     atomic.Uint64 // hellos that were sent to other servers
}
