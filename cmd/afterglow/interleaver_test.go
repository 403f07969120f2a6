package main

import (
	"fmt"
	"testing"
	"time"

	"afterglow/media"
)

func TestInterleaverOrdersByTimeAndKeepsArrivalAmongEquals(t *testing.T) {
	var got []string
	clock := time.Unix(0, 0)
	i := interleaver{write: func(p *media.Packet) { got = append(got, string(p.Payload)) }, now: func() time.Time { return clock }}
	wrap := ^uint32(39) // 40 ms before the time wraps
	add := func(at uint32, name string) { i.add(media.NewPacket(media.KindData, at, []byte(name))) }
	add(wrap+9044, "sound at the end") // all sound at once, and then the pictures
	add(wrap+44, "sound")
	add(wrap, "config")
	add(wrap, "key")
	add(wrap+34, "picture")
	if len(got) > 0 {
		t.Errorf("written too early: %v", got)
	}
	clock = clock.Add(laneSkew + 1)
	add(wrap+67, "next")
	if want := "[config key picture sound]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
	i.flush()
	if want := "[config key picture sound next sound at the end]"; fmt.Sprint(got) != want {
		t.Errorf("after flush: got %v, want %v", got, want)
	}
}
