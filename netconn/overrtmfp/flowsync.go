package overrtmfp

// maxBarriers is how many barriers of a far end may be incomplete at a time; each holds a flow at least.
const maxBarriers = 64

// flowSyncs are the barriers that the far end has put across its flows (RFC 7425 5.2).
type flowSyncs struct {
	waiting map[uint32]*flowSync
}

// flowSync is one barrier: flows that have come to it wait for the others.
type flowSync struct {
	count uint32
	flows []*inflow
}

// arrived notes that a flow has come to a barrier. A flow waits until as many have come as the barrier says.
func (s *flowSyncs) arrived(f *inflow, id, count uint32) {
	b := s.waiting[id]
	if b == nil {
		if count < 2 || len(s.waiting) >= maxBarriers {
			return
		}
		if s.waiting == nil {
			s.waiting = make(map[uint32]*flowSync)
		}
		b = &flowSync{count: count}
		s.waiting[id] = b
	}
	b.flows = append(b.flows, f)
	if uint32(len(b.flows)) >= b.count {
		s.open(id, b)
		return
	}
	f.hold(heldBySync)
}

func (s *flowSyncs) open(id uint32, b *flowSync) {
	delete(s.waiting, id)
	for _, f := range b.flows {
		f.release(heldBySync)
	}
}

// left opens the barriers for which too few flows remain when one has ended.
func (s *flowSyncs) left(gone *inflow, remaining int) {
	for id, b := range s.waiting {
		if uint32(remaining) >= b.count {
			continue
		}
		delete(s.waiting, id)
		for _, f := range b.flows {
			if f != gone {
				f.release(heldBySync)
			}
		}
	}
}
