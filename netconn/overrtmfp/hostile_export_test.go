package overrtmfp

import "fmt"

// ParseMetadata reads the metadata of a flow, and writes it again.
func ParseMetadata(b []byte) (again []byte, streamID uint32, err error) {
	m, err := parseMetadata(b)
	return m.append(nil), m.streamID, err
}

// Event reads a user control message.
func Event(payload []byte) (kind uint16, first, second uint32) { return event(payload) }

// Check looks for contradictions in what the server keeps of its connections.
func (s *Server) Check() error {
	s.mu.Lock()
	all := s.list()
	s.mu.Unlock()
	for _, c := range all {
		found := make(chan error, 1)
		if !c.session.Do(func() { found <- c.contradiction() }) {
			continue
		}
		if err := <-found; err != nil {
			return err
		}
	}
	return nil
}

// Remembered is how many messages a lane of the server's keeps in mind at most.
func (s *Server) Remembered() (most int) {
	s.mu.Lock()
	all := s.list()
	s.mu.Unlock()
	for _, c := range all {
		done := make(chan struct{})
		c.session.Do(func() {
			defer close(done)
			for _, out := range c.link.streams {
				for k := range out.lanes {
					most = max(most, len(out.lanes[k].pending))
				}
			}
		})
		<-done
	}
	return most
}

func (c *client) contradiction() error {
	if c.link == nil || c.link.ended {
		return nil
	}
	return c.link.contradiction()
}

func (l *link) contradiction() error {
	unsettled, required := 0, 0
	each := func(s *outStream) error {
		own := 0
		for k := range s.lanes {
			for _, m := range s.lanes[k].pending {
				if m.settled {
					continue
				}
				own++
				if m.own {
					required += int(m.size) + messageOverhead
				}
			}
		}
		for _, b := range s.barred {
			required += len(b.message.Payload) + messageOverhead
		}
		unsettled += own
		if own != s.unsettled {
			return fmt.Errorf("stream %d counts %d unsettled messages and has %d", s.id, s.unsettled, own)
		}
		return nil
	}
	for _, s := range l.streams {
		if err := each(s); err != nil {
			return err
		}
	}
	for s := range l.leaving {
		if err := each(s); err != nil {
			return err
		}
	}
	if unsettled != l.unsettled || required != l.required {
		return fmt.Errorf("%d unsettled messages and %d bytes are counted, %d and %d there", l.unsettled, l.required, unsettled, required)
	}
	for f := range l.inflows {
		if !l.session.IsOpen() || f.link != l {
			return fmt.Errorf("a flow of stream %d that is not the link's", f.streamID)
		}
	}
	return nil
}
