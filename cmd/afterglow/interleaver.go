package main

import (
	"sort"
	"time"

	"afterglow/media"
)

// laneSkew is how far one kind of media may be behind another over RTMFP, where each has a flow of its own: as long as a
// server lets pictures wait for the network.
const laneSkew = 2500 * time.Millisecond

// interleaver puts packets of several flows into the order of their times, as a file wants them. Packets of the same time stay in
// the order in which they came.
type interleaver struct {
	write   func(*media.Packet)
	waiting []*media.Packet // by time
}

// add takes a packet and writes those that nothing can come before any more.
func (i *interleaver) add(p *media.Packet) {
	at := sort.Search(len(i.waiting), func(n int) bool { return media.Before(p.Timestamp, i.waiting[n].Timestamp) })
	i.waiting = append(i.waiting, nil)
	copy(i.waiting[at+1:], i.waiting[at:])
	i.waiting[at] = p
	newest := i.waiting[len(i.waiting)-1].Timestamp
	n := 0
	for n < len(i.waiting) && int64(media.Elapsed(i.waiting[n].Timestamp, newest)) > laneSkew.Milliseconds() {
		i.write(i.waiting[n])
		n++
	}
	i.waiting = append(i.waiting[:0], i.waiting[n:]...)
}

// flush writes what is left.
func (i *interleaver) flush() {
	for _, p := range i.waiting {
		i.write(p)
	}
	i.waiting = nil
}
