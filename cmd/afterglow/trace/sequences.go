package trace

import (
	"fmt"
	"slices"

	"afterglow/rtmfp/wire"
)

// maxRanges is how many runs of sequence numbers beyond the first gap are told apart; more are forgotten, lowest first.
const maxRanges = 256

// sequences knows which sequence numbers of a flow were seen, or given up by the sender.
type sequences struct {
	through uint64       // all up to it
	ranges  []wire.Range // beyond it, rising, with holes between
}

// add is false if the number was there.
func (s *sequences) add(sequence uint64) bool {
	if sequence <= s.through {
		return false
	}
	i, _ := slices.BinarySearchFunc(s.ranges, sequence, func(r wire.Range, n uint64) int {
		if r.To < n {
			return -1
		}
		return 1
	})
	if i < len(s.ranges) && s.ranges[i].From <= sequence {
		return false
	}
	s.ranges = slices.Insert(s.ranges, i, wire.Range{From: sequence, To: sequence})
	if i+1 < len(s.ranges) && s.ranges[i+1].From-1 == sequence {
		s.ranges[i].To = s.ranges[i+1].To
		s.ranges = slices.Delete(s.ranges, i+1, i+2)
	}
	if i > 0 && s.ranges[i-1].To+1 == sequence {
		s.ranges[i-1].To = s.ranges[i].To
		s.ranges = slices.Delete(s.ranges, i, i+1)
	}
	s.settle()
	if len(s.ranges) > maxRanges {
		s.through = s.ranges[0].To
		s.ranges = slices.Delete(s.ranges, 0, 1)
	}
	return true
}

// settle moves what has no gap before it.
func (s *sequences) settle() {
	for len(s.ranges) > 0 && s.ranges[0].From-1 <= s.through {
		s.through = max(s.through, s.ranges[0].To)
		s.ranges = slices.Delete(s.ranges, 0, 1)
	}
}

// advance says that nothing up to a number will come any more. It gives what of that was never seen, as ranges and altogether.
func (s *sequences) advance(to uint64) (missing []wire.Range, count uint64) {
	for s.through < to {
		end := to
		if len(s.ranges) > 0 {
			end = min(end, s.ranges[0].From-1)
		}
		missing = append(missing, wire.Range{From: s.through + 1, To: end})
		count += end - s.through
		s.through = end
		s.settle()
	}
	return missing, count
}

func describeRange(r wire.Range) string {
	if r.From == r.To {
		return fmt.Sprintf("#%d", r.From)
	}
	return fmt.Sprintf("#%d-#%d", r.From, r.To)
}
