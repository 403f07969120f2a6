package flash

// replaySpan is how many numbers, from the highest one on downwards, are told apart. RFC 7425 4.7.3.3 demands 32.
const replaySpan = 128

// replayWindow knows which session sequence numbers were seen. Its zero value has seen none.
type replayWindow struct {
	highest uint64
	seen    [2]uint64 // bit i of the 128: highest - i
}

// accept tells whether number is new, and remembers it.
func (w *replayWindow) accept(number uint64) bool {
	if number > w.highest {
		w.advance(number - w.highest)
		w.highest = number
	}
	age := w.highest - number
	if age >= replaySpan {
		return false
	}
	word, bit := &w.seen[age/64], uint64(1)<<(age%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// advance moves the window up.
func (w *replayWindow) advance(by uint64) {
	if by >= 64 {
		w.seen = [2]uint64{0, w.seen[0]}
		by -= 64
	}
	if by >= 64 {
		w.seen = [2]uint64{}
		return
	}
	w.seen[1] = w.seen[1]<<by | w.seen[0]>>(64-by)
	w.seen[0] <<= by
}
