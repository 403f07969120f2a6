package sharedobjects

import "afterglow/amf"

// slot is a property, or the memory of one that was removed.
type slot struct {
	name    string
	version uint32 // of the last change
	removed bool

	// Only of a property that is there:
	encoded  []byte // as amf.AppendExtended wrote it; never modified
	value    amf.Value
	sequence uint64 // grows in the order of first set

	links [2]link
}

// size is what the slot counts for in Limits.MaxObjectBytes.
func (s *slot) size() int { return len(s.name) + len(s.encoded) }

type link struct{ prev, next *slot }

// The links of a slot that a chain may use.
const (
	byOrder   = 0
	byVersion = 1
)

// chain is a list of slots that are linked in themselves.
type chain struct {
	which       int
	first, last *slot
	len         int
}

func (c *chain) append(s *slot) {
	s.links[c.which] = link{prev: c.last}
	if c.last != nil {
		c.last.links[c.which].next = s
	} else {
		c.first = s
	}
	c.last = s
	c.len++
}

func (c *chain) remove(s *slot) {
	l := s.links[c.which]
	if l.prev != nil {
		l.prev.links[c.which].next = l.next
	} else {
		c.first = l.next
	}
	if l.next != nil {
		l.next.links[c.which].prev = l.prev
	} else {
		c.last = l.prev
	}
	s.links[c.which] = link{}
	c.len--
}

func (c *chain) next(s *slot) *slot { return s.links[c.which].next }
func (c *chain) prev(s *slot) *slot { return s.links[c.which].prev }
