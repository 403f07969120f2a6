package main

import (
	"sort"
	"time"

	"afterglow/media"
)

// laneSkew is how far one kind of media may be behind another over RTMFP, where each has a flow of its own: longer than a
// server lets pictures wait for the network.
const laneSkew = 2500 * time.Millisecond

// interleaver puts packets of several flows into the order of their times, as a file wants them. Packets of the same time stay in
// the order in which they came.
type interleaver struct {
	write   func(*media.Packet)
	now     func() time.Time
	waiting []arrival // by the packets' times
}

// arrival is a packet and when it came.
type arrival struct {
	packet *media.Packet
	at     time.Time
}

// add takes a packet, and writes those that have waited so long that nothing comes before them any more.
func (i *interleaver) add(p *media.Packet) {
	now := i.now()
	at := sort.Search(len(i.waiting), func(n int) bool { return media.Before(p.Timestamp, i.waiting[n].packet.Timestamp) })
	i.waiting = append(i.waiting, arrival{})
	copy(i.waiting[at+1:], i.waiting[at:])
	i.waiting[at] = arrival{p, now}
	n := 0
	for n < len(i.waiting) && now.Sub(i.waiting[n].at) > laneSkew {
		i.write(i.waiting[n].packet)
		n++
	}
	i.waiting = append(i.waiting[:0], i.waiting[n:]...)
}

// flush writes what is left.
func (i *interleaver) flush() {
	for _, a := range i.waiting {
		i.write(a.packet)
	}
	i.waiting = nil
}
