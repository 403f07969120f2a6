package rtmfp

import (
	"slices"
	"sort"
)

// A segment is a run of fragments of one message without a hole (RFC 7016 3.6.3.3): the message if it begins and ends.
type segment struct {
	first, last  uint64
	begins, ends bool

	bytes      int
	head, tail *piece

	next *segment // in a list of segments that are delivered, or are free
}

func (s *segment) complete() bool { return s.begins && s.ends }

// fragments gives the number of fragments.
func (s *segment) fragments() int { return int(s.last - s.first + 1) }

// append puts a fragment at the end, into the buffer of the last piece.
func (s *segment) append(sequence uint64, ends bool, data []byte) {
	s.last, s.ends = sequence, ends
	s.bytes += len(data)
	s.tail.extend(data)
}

// prepend puts a fragment before the others.
func (s *segment) prepend(sequence uint64, begins bool, p *piece) {
	s.first, s.begins = sequence, begins
	s.bytes += len(p.data)
	p.next = s.head
	s.head = p
}

// piece is the bytes of one fragment, or of several that came in order.
type piece struct {
	data []byte
	next *piece
}

// extend appends to the piece. Its memory doubles when it has to grow, so that on average a byte is moved about once; but it stays
// within what can be kept for the next message as long as that will do.
func (p *piece) extend(data []byte) {
	if size := len(p.data) + len(data); size > cap(p.data) {
		room := max(size, 2*len(p.data))
		if size <= keptLarge {
			room = min(room, keptLarge)
		}
		p.reserve(room)
	}
	p.data = append(p.data, data...)
}

// reserve makes room for size bytes altogether, and not for more: what is held is to be near to what it counts for.
func (p *piece) reserve(size int) {
	if size > cap(p.data) {
		p.data = append(make([]byte, 0, size), p.data...)
	}
}

// segmentBlock is how many segments a block of a segmentList holds at most.
const segmentBlock = 64

// segmentList holds segments in the order of their numbers, in blocks: finding one is a binary search, putting one in
// moves no more than a block and the list of blocks, wherever it goes. The zero list is empty.
type segmentList struct {
	blocks [][]*segment // none is empty, unless it is the only one
}

// segmentPlace is where a segment is in its list.
type segmentPlace struct{ block, index int }

// first gives the first segment, or nil.
func (l *segmentList) first() *segment {
	if len(l.blocks) == 0 || len(l.blocks[0]) == 0 {
		return nil
	}
	return l.blocks[0][0]
}

// at gives the segment at a place, or nil if there is none.
func (l *segmentList) at(p segmentPlace) *segment {
	if p.block >= len(l.blocks) || p.index < 0 || p.index >= len(l.blocks[p.block]) {
		return nil
	}
	return l.blocks[p.block][p.index]
}

// before gives the place of the last segment that begins at n or below, or one with index -1 if all begin above.
func (l *segmentList) before(n uint64) segmentPlace {
	if l.first() == nil {
		return segmentPlace{0, -1}
	}
	block := len(l.blocks) - 1
	if l.blocks[block][0].first > n {
		block = max(0, sort.Search(block, func(i int) bool { return l.blocks[i][0].first > n })-1)
	}
	inside := l.blocks[block]
	index := len(inside) - 1
	if inside[index].first > n {
		index = sort.Search(index, func(i int) bool { return inside[i].first > n }) - 1
	}
	return segmentPlace{block, index}
}

// after gives the place behind another one.
func (l *segmentList) after(p segmentPlace) segmentPlace {
	if p.block < len(l.blocks) && p.index+1 >= len(l.blocks[p.block]) {
		return segmentPlace{p.block + 1, 0}
	}
	return segmentPlace{p.block, p.index + 1}
}

// insertAfter puts a segment behind the place that before gave.
func (l *segmentList) insertAfter(p segmentPlace, s *segment) {
	if len(l.blocks) == 0 {
		l.blocks = append(l.blocks, nil)
	}
	if len(l.blocks[p.block]) == segmentBlock {
		p = l.split(p)
	}
	l.blocks[p.block] = slices.Insert(l.blocks[p.block], p.index+1, s)
}

// split makes two of a full block and tells where the place has gone. At the end of the list nothing is moved: the new
// block is for what comes next.
func (l *segmentList) split(p segmentPlace) segmentPlace {
	full := l.blocks[p.block]
	cut := segmentBlock / 2
	if p.block == len(l.blocks)-1 && p.index == segmentBlock-1 {
		cut = segmentBlock
	}
	l.blocks = slices.Insert(l.blocks, p.block+1, append(make([]*segment, 0, segmentBlock), full[cut:]...))
	clear(full[cut:])
	l.blocks[p.block] = full[:cut]
	if p.index < cut && cut < segmentBlock {
		return p
	}
	return segmentPlace{p.block + 1, p.index - cut}
}

// remove takes a segment out.
func (l *segmentList) remove(p segmentPlace) {
	l.blocks[p.block] = slices.Delete(l.blocks[p.block], p.index, p.index+1)
	if len(l.blocks[p.block]) == 0 && len(l.blocks) > 1 {
		l.blocks = slices.Delete(l.blocks, p.block, p.block+1)
	}
}
