package bench

// role is how a player behaves once it plays.
type role uint8

const (
	innocent role = iota
	slow
	neverRead
)

// String returns the role in English.
func (r role) String() string { return [...]string{"innocent", "slow", "never reads"}[r] }
