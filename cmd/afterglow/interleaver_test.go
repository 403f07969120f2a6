package main

import (
	"fmt"
	"testing"

	"afterglow/media"
)

func TestInterleaverOrdersByTimeAndKeepsArrivalAmongEquals(t *testing.T) {
	var got []string
	i := interleaver{write: func(p *media.Packet) { got = append(got, fmt.Sprint(p.Timestamp, string(p.Payload))) }}
	wrap := ^uint32(39) // 40 ms before the time wraps
	for _, p := range []struct {
		at   uint32
		name string
	}{{wrap + 44, "a"}, {wrap, "config"}, {wrap, "key"}, {wrap + 34, "v"}, {wrap + 67, "w"}, {wrap + 50, "b"}} {
		i.add(media.NewPacket(media.KindData, p.at, []byte(p.name)))
	}
	if len(got) > 0 {
		t.Errorf("written too early: %v", got)
	}
	i.add(media.NewPacket(media.KindData, wrap+34+uint32(laneSkew.Milliseconds())+1, []byte("late")))
	if want := fmt.Sprint([]string{fmt.Sprint(wrap, "config"), fmt.Sprint(wrap, "key"), fmt.Sprint(wrap+34, "v")}); fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
	i.flush()
	if len(got) != 7 || got[6][len(got[6])-4:] != "late" {
		t.Errorf("after flush: %v", got)
	}
}
