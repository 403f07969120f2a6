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
	for tag, s := range c.openings {
		o := s.opening
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
	return nil
}

// checkPeers gives the number of sessions that are listed.
func (c *Core) checkPeers() (listed int, err error) {
	for key, s := range c.peers {
		for ; s != nil; s = s.older {
			listed++
			if s.far == nil || key != (peerKey{s.near(), s.far.PeerID()}) || c.sessions[s.receiveID] != s {
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
