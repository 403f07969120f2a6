package rtmfp

import (
	"math"
	"slices"
	"sort"

	"afterglow/rtmfp/wire"
)

// maxSequenceRanges is how many ranges with holes before them a sequenceSet holds: what fits an acknowledgement, and more
// than any network makes that is still of use.
const maxSequenceRanges = 1024

// keptSequenceRanges is how many ranges a set keeps room for, however few it has.
const keptSequenceRanges = 32

// sequenceSet is the SEQUENCE_SET of a receiving flow (RFC 7016 3.6.3): the fragment numbers that were received or given up.
// The zero set holds number 0, which no fragment has.
type sequenceSet struct {
	upTo  uint64
	above []wire.Range // rising, with at least one hole before each
}

// cumulative gives the highest number up to which none is missing: the CSN of RFC 7016 3.6.3.3.
func (s *sequenceSet) cumulative() uint64 { return s.upTo }

// gaps tells whether a number below the highest one is missing.
func (s *sequenceSet) gaps() bool { return len(s.above) > 0 }

// ranges gives what is above the first hole, in rising order. It is the set's own memory: not to be changed, and good until
// the set changes.
func (s *sequenceSet) ranges() []wire.Range { return s.above }

// contains tells whether n is in the set.
func (s *sequenceSet) contains(n uint64) bool {
	if n <= s.upTo {
		return true
	}
	i := s.following(n)
	return i > 0 && s.above[i-1].To >= n
}

// following gives the index of the first range that begins above n. What arrives is mostly near the end.
func (s *sequenceSet) following(n uint64) int {
	last := len(s.above) - 1
	if last < 0 || s.above[last].From <= n {
		return last + 1
	}
	return sort.Search(last, func(i int) bool { return s.above[i].From > n })
}

// takes tells whether add would take n.
func (s *sequenceSet) takes(n uint64) bool {
	return len(s.above) < maxSequenceRanges || s.extends(n)
}

// extends tells whether n is in the set or next to what is, so that it makes no further range.
func (s *sequenceSet) extends(n uint64) bool {
	if n <= s.upTo || n == s.upTo+1 {
		return true
	}
	i := s.following(n)
	return i > 0 && s.above[i-1].To >= n-1 || i < len(s.above) && s.above[i].From-1 == n
}

// add puts n into the set. It returns false, and does nothing, if that would make too many ranges: the fragment is then to be
// dropped as if it had never come.
func (s *sequenceSet) add(n uint64) bool {
	if n <= s.upTo {
		return true
	}
	if n == s.upTo+1 {
		s.raise(n)
		return true
	}
	i := s.following(n)
	if i > 0 && s.above[i-1].To >= n {
		return true
	}
	joinsBefore := i > 0 && s.above[i-1].To == n-1
	joinsBehind := i < len(s.above) && s.above[i].From-1 == n
	switch {
	case joinsBefore && joinsBehind:
		s.above[i-1].To = s.above[i].To
		s.above = slices.Delete(s.above, i, i+1)
		s.shrink()
	case joinsBefore:
		s.above[i-1].To = n
	case joinsBehind:
		s.above[i].From = n
	case len(s.above) >= maxSequenceRanges:
		return false
	default:
		s.above = slices.Insert(s.above, i, wire.Range{From: n, To: n})
	}
	return true
}

// forward adds all numbers up to a forward sequence number (RFC 7016 3.6.3.2). It tells whether any of them was missing: a
// fragment that was given up.
func (s *sequenceSet) forward(fsn uint64) (skipped bool) {
	if fsn <= s.upTo {
		return false
	}
	s.raise(fsn)
	return true
}

// raise makes n, which is above the cumulative number, the least that the cumulative number can be.
func (s *sequenceSet) raise(n uint64) {
	s.upTo = n
	if len(s.above) == 0 {
		return
	}
	swallowed := 0
	for _, r := range s.above {
		if s.upTo != math.MaxUint64 && r.From > s.upTo+1 {
			break
		}
		s.upTo = max(s.upTo, r.To)
		swallowed++
	}
	s.above = slices.Delete(s.above, 0, swallowed)
	s.shrink()
}

// shrink gives back memory of which most is not used any more.
func (s *sequenceSet) shrink() {
	if cap(s.above) > keptSequenceRanges && len(s.above) < cap(s.above)/8 {
		s.above = append([]wire.Range(nil), s.above...)
	}
}
