package bench

// crew is a number of players whom one thread, or one endpoint, looks after.
type crew interface {
	// do runs f while nothing else touches the crew's crowd, and waits for it.
	do(f func())
	counts() *crowd
	// restless counts, within do, the silence of players that still wait for a picture at the end of the measurement.
	restless()
}

// side is how players of one transport connect, and where.
type side interface {
	// add opens one more player of a stream. It fails only for want of what players share.
	add(r role, stream int) error
	crews() []crew
	// clear ends all players and forgets what they have counted.
	clear()
	close()
}

// team is the players of one transport.
type team struct {
	side
	transport string
	players   int // innocent ones that were asked for so far
}

// viewers is how many of the team's players watch stream i of so many.
func (t *team) viewers(i, streams int) int {
	n := t.players / streams
	if i < t.players%streams {
		n++
	}
	return n
}

// expected returns how many bytes the team must have received of what publishers sent, by stream.
func (t *team) expected(sent []uint64) (n uint64) {
	for i, bytes := range sent {
		n += bytes * uint64(t.viewers(i, len(sent)))
	}
	return n
}

func (t *team) pictured() (n int) {
	for _, c := range t.crews() {
		n += int(c.counts().pictured.Load())
	}
	return n
}

func (t *team) ended() (n int) {
	for _, c := range t.crews() {
		n += int(c.counts().ended.Load())
	}
	return n
}

// tally is what a team has counted in an interval.
type tally struct {
	total   stats
	lost    map[string]int
	joined  int
	special []SpecialPlayer
}

// take collects the counts of a team.
func (t *team) take() *tally {
	s := &tally{lost: map[string]int{}}
	for _, c := range t.crews() {
		c.do(func() {
			c.restless()
			st, lost := c.counts().take()
			s.total.merge(&st)
			for reason, n := range lost {
				s.lost[reason] += n
			}
			s.special = append(s.special, c.counts().specials()...)
		})
	}
	return s
}

// add adds what another team has counted.
func (s *tally) add(o *tally) {
	s.total.merge(&o.total)
	if s.lost == nil {
		s.lost = map[string]int{}
	}
	for reason, n := range o.lost {
		s.lost[reason] += n
	}
	s.joined += o.joined
	s.special = append(s.special, o.special...)
}
