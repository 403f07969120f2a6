package rtmfp

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRingIsAQueue(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var r ring[int]
	var want []int
	for i := range 100_000 {
		// The length wanders between nothing and some hundreds.
		if random.IntN(1000) < 500+i/100%20-10 || len(want) == 0 {
			*r.push(0) = i
			want = append(want, i)
		} else {
			r.pop()
			want = want[1:]
		}
		if r.len() != len(want) {
			t.Fatalf("%d entries, want %d", r.len(), len(want))
		}
		if len(want) == 0 {
			continue
		}
		for _, at := range []int{0, len(want) / 2, len(want) - 1} {
			if *r.at(at) != want[at] {
				t.Fatalf("entry %d is %d, want %d", at, *r.at(at), want[at])
			}
		}
	}
}

func TestRingKeepsNothingThatWasTaken(t *testing.T) {
	var r ring[*int]
	for i := range 10 {
		r.push(&i)
	}
	for range 10 {
		r.pop()
	}
	if slices.ContainsFunc(r.items, func(p *int) bool { return p != nil }) {
		t.Error("an entry is still held")
	}
}

func TestRingGivesMemoryBackWhenItRunsEmpty(t *testing.T) {
	var r ring[int]
	for range 3 {
		for i := range 10 * ringKept {
			r.push(i)
		}
		for r.len() > 1 {
			r.pop()
		}
		if len(r.items) < 10*ringKept {
			t.Error("gave memory back while it was in use")
		}
		r.pop()
		if len(r.items) > ringKept {
			t.Errorf("keeps %d places", len(r.items))
		}
	}
}

func TestShortRingAllocatesNothing(t *testing.T) {
	var r ring[int]
	cycle := func() {
		for i := range ringKept {
			r.push(i)
		}
		for r.len() > 0 {
			r.pop()
		}
	}
	cycle()
	if n := testing.AllocsPerRun(100, cycle); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
