package rtmfp

import "fmt"

// Held is how many things a core remembers of others: sessions, those that open, keyings, fragmented packets and questions.
func Held(c *Core) int {
	n := len(c.sessions) + len(c.peers) + len(c.openings) + len(c.keying) + len(c.joiner.packets)
	n += c.questions.len() + len(c.timers.sessions) + len(c.dirty) + len(c.later)
	c.group.mu.Lock()
	defer c.group.mu.Unlock()
	return n + len(c.group.peers) + len(c.group.openings)
}

// Remains says what a core still holds that has nothing to do any more.
func Remains(c *Core) error {
	g := c.group
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, kind := range []struct {
		what string
		n    int
	}{
		{"sessions", len(c.sessions)}, {"opening sessions", len(c.openings)}, {"peers", len(c.peers)}, {"keyings", len(c.keying)},
		{"timers", len(c.timers.sessions)}, {"sessions to look at", len(c.dirty)}, {"calls for later", len(c.later)},
		{"peers in the group", len(g.peers)}, {"openings in the group", len(g.openings)},
	} {
		if kind.n > 0 {
			return fmt.Errorf("%d %s remain", kind.n, kind.what)
		}
	}
	if c.building {
		return fmt.Errorf("a packet is still being made")
	}
	for i := range c.realTime.received {
		if s := c.realTime.received[i].session; s != nil {
			return fmt.Errorf("a session is kept for its real-time data: %s", s.State())
		}
	}
	return nil
}

// HeldFragments is how many bytes of fragmented startup packets a core holds.
func HeldFragments(c *Core) (bytes int) {
	for _, p := range c.joiner.packets {
		for _, piece := range p.pieces {
			bytes += len(piece)
		}
	}
	return bytes
}

// CheckGroup says what is inconsistent between the cores of an endpoint, the only one if it has no others, and the index that they share.
func CheckGroup(cores ...*Core) error {
	g := cores[0].group
	peers, openings := 0, 0
	for _, c := range cores {
		if err := c.checkOpenings(); err != nil {
			return err
		}
		listed, err := c.checkPeers()
		if err != nil {
			return err
		}
		peers += listed + len(c.keying)
		for _, s := range c.openings {
			openings += len(s.opening.candidates)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := total(g.peers); n != peers {
		return fmt.Errorf("%d sessions listed by peer, %d in the index", peers, n)
	}
	if n := total(g.openings); n != openings {
		return fmt.Errorf("%d addresses tried, %d in the index", openings, n)
	}
	return nil
}

func total[K comparable](counts map[K][]shardCount) (n int) {
	for _, list := range counts {
		for _, c := range list {
			n += c.count
		}
	}
	return n
}

func (c *Core) checkOpenings() error {
	keyed := 0
	for tag, s := range c.openings {
		o := s.opening
		if s.state == stateKeyingSent {
			keyed++
		}
		switch {
		case o == nil || o.tag != tag || int(tag[0]) != c.config.Shard:
			return fmt.Errorf("opening session under the wrong tag")
		case s.state == stateKeyingSent && c.sessions[s.receiveID] != s:
			return fmt.Errorf("session %08x waits for an answer that does not reach it", s.receiveID)
		case s.state != stateHelloSent && s.state != stateKeyingSent:
			return fmt.Errorf("session that is %v is listed as opening", s.state)
		case s.heapIndex < 0 || s.heapTime > o.deadline || s.wakeAt > o.deadline:
			return fmt.Errorf("opening session without a timer for its end")
		}
	}
	if keyed != c.keyed {
		return fmt.Errorf("%d opening sessions have keyed, counted %d", keyed, c.keyed)
	}
	return nil
}

// checkPeers gives the number of sessions that are listed.
func (c *Core) checkPeers() (listed int, err error) {
	for key, s := range c.peers {
		for newer := (*Session)(nil); s != nil; newer, s = s, s.older {
			listed++
			if s.newer != newer || s.far == nil || key != (peerKey{s.near(), s.far.PeerID()}) || c.sessions[s.receiveID] != s {
				return 0, fmt.Errorf("session %08x is listed under the wrong peer", s.receiveID)
			}
		}
	}
	if listed != len(c.sessions) {
		return 0, fmt.Errorf("%d sessions, %d listed by peer", len(c.sessions), listed)
	}
	return listed, nil
}

// ReceiveID is the session ID of packets to us.
func (s *Session) ReceiveID() uint32 { return s.receiveID }
