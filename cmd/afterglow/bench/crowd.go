package bench

import (
	"sync/atomic"
	"time"
)

// crowd is what one thread of players, or one endpoint of them, has counted. It belongs to its crew: see crew.do.
type crowd struct {
	now     int64 // when what is being looked at was read
	stats   stats
	lost    map[string]int
	special []*viewer // slow and never reading ones, also when ended

	pictured atomic.Int64 // innocent players with a picture
	ended    atomic.Int64 // innocent players ended against their will
}

// joined is called with a player's first picture.
func (c *crowd) joined(v *viewer) {
	if v.role != innocent {
		return
	}
	c.stats.join.Add(time.Duration(c.now - v.started))
	c.stats.picture.Add(time.Duration(c.now - v.playSent))
	c.pictured.Add(1)
}

// gone is called once for each player that ends against its will.
func (c *crowd) gone(v *viewer) {
	if v.role != innocent {
		return
	}
	c.lost[v.reason.Error()]++
	c.ended.Add(1)
	if v.pictured {
		c.pictured.Add(-1)
	}
	// One that goes leaves a silence until the end of the measurement: count it with the stalls.
	if v.pictures > 0 && c.stats.window != nil {
		c.stats.silence(v.pictures, c.stats.window.to)
	}
}

// forget is called when all players are gone because they should be.
func (c *crowd) forget() {
	c.special = nil
	c.lost = map[string]int{}
	c.stats = stats{}
	c.pictured.Store(0)
	c.ended.Store(0)
}

// waiting counts the silence of a player that still waits for a picture at the end of the measurement.
func (c *crowd) waiting(v *viewer) {
	if v.role == innocent && v.pictured && c.stats.window != nil {
		c.stats.silence(v.pictures, c.stats.window.to)
	}
}

// take returns what was counted since the last call.
func (c *crowd) take() (s stats, lost map[string]int) {
	s, lost = c.stats, c.lost
	c.stats, c.lost = stats{}, map[string]int{}
	return s, lost
}

// specials reports on the players that misbehave.
func (c *crowd) specials() []SpecialPlayer {
	var out []SpecialPlayer
	for _, v := range c.special {
		s := SpecialPlayer{Role: v.role.String(), Connected: v.phase != phaseEnded, Bytes: v.received}
		if v.reason != nil {
			s.Reason = v.reason.Error()
		}
		out = append(out, s)
	}
	return out
}
