package rtmfp

import (
	"math"
	"slices"
	"testing"

	"afterglow/rtmfp/wire"

	"pgregory.net/rapid"
)

// modelRanges gives what ranges must give for a set of numbers, and the cumulative number.
func modelRanges(numbers map[uint64]bool) (cumulative uint64, ranges []wire.Range) {
	for numbers[cumulative+1] {
		cumulative++
	}
	sorted := make([]uint64, 0, len(numbers))
	for n := range numbers {
		if n > cumulative {
			sorted = append(sorted, n)
		}
	}
	slices.Sort(sorted)
	for _, n := range sorted {
		if last := len(ranges) - 1; last >= 0 && ranges[last].To == n-1 {
			ranges[last].To = n
			continue
		}
		ranges = append(ranges, wire.Range{From: n, To: n})
	}
	return cumulative, ranges
}

func TestSequenceSetIsASet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var set sequenceSet
		model := map[uint64]bool{}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			n := rapid.Uint64Range(0, 60).Draw(rt, "n")
			if rapid.IntRange(0, 9).Draw(rt, "what") == 0 {
				skipped := false
				for i := uint64(1); i <= n; i++ {
					skipped = skipped || !model[i]
					model[i] = true
				}
				if set.forward(n) != skipped {
					rt.Fatalf("forward to %d says skipped %v", n, !skipped)
				}
			} else {
				if !set.takes(n) || !set.add(n) {
					rt.Fatalf("%d not taken", n)
				}
				model[n] = true
			}
			checkSequences(rt, &set, model)
		}
	})
}

func checkSequences(rt *rapid.T, set *sequenceSet, model map[uint64]bool) {
	cumulative, ranges := modelRanges(model)
	if set.cumulative() != cumulative || !slices.Equal(set.ranges(), ranges) || set.gaps() != (len(ranges) > 0) {
		rt.Fatalf("%d %v, want %d %v", set.cumulative(), set.ranges(), cumulative, ranges)
	}
	for n := range uint64(62) {
		if set.contains(n) != (n == 0 || model[n]) {
			rt.Fatalf("contains(%d) is %v", n, set.contains(n))
		}
	}
}

func TestSequenceSetTakesNoMoreThanItsRanges(t *testing.T) {
	var set sequenceSet
	for i := range uint64(maxSequenceRanges) {
		if !set.takes(10*i+10) || !set.add(10*i+10) {
			t.Fatalf("range %d not taken", i)
		}
	}
	for _, n := range []uint64{5, 15, 10*maxSequenceRanges + 10} {
		if set.takes(n) || set.add(n) || set.contains(n) {
			t.Errorf("%d was taken as one range too many", n)
		}
	}
	for _, n := range []uint64{10, 11, 9, 10 * maxSequenceRanges, 10*maxSequenceRanges + 1, 1} {
		if !set.takes(n) || !set.add(n) || !set.contains(n) {
			t.Errorf("%d makes no further range and was not taken", n)
		}
	}
	if len(set.ranges()) != maxSequenceRanges {
		t.Errorf("%d ranges", len(set.ranges()))
	}
	set.forward(10 * maxSequenceRanges)
	if set.gaps() || set.cumulative() != 10*maxSequenceRanges+1 || cap(set.ranges()) > keptSequenceRanges {
		t.Errorf("after forward: %d, gaps %v, room for %d", set.cumulative(), set.gaps(), cap(set.ranges()))
	}
}

func TestSequenceSetEndsAtTheLastNumber(t *testing.T) {
	var set sequenceSet
	set.add(math.MaxUint64)
	set.add(math.MaxUint64 - 1)
	if set.contains(math.MaxUint64-2) || len(set.ranges()) != 1 || !set.takes(math.MaxUint64) {
		t.Fatalf("%v", set.ranges())
	}
	set.forward(math.MaxUint64 - 2)
	if set.cumulative() != math.MaxUint64 || set.gaps() || !set.takes(math.MaxUint64) || !set.add(math.MaxUint64) {
		t.Errorf("%d %v", set.cumulative(), set.ranges())
	}
	set = sequenceSet{}
	set.add(math.MaxUint64)
	set.forward(math.MaxUint64)
	if set.cumulative() != math.MaxUint64 || set.gaps() {
		t.Errorf("%d %v", set.cumulative(), set.ranges())
	}
}

func TestSequencesInOrderAllocateNothing(t *testing.T) {
	var set sequenceSet
	n := uint64(0)
	if allocs := testing.AllocsPerRun(1000, func() { n++; set.add(n) }); allocs != 0 {
		t.Errorf("%v allocations in order", allocs)
	}
	set.add(n + 2)
	if allocs := testing.AllocsPerRun(1000, func() {
		n += 2
		set.add(n + 2)
		set.add(n)
		set.add(n - 1)
	}); allocs != 0 {
		t.Errorf("%v allocations with a hole that closes", allocs)
	}
}
