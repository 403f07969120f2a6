package simnet

import "time"

// DefaultQueue is the queue in bytes of a link that has a rate and names no queue.
const DefaultQueue = 64 << 10

// DefaultHold is for how long a link holds a datagram back that it reorders, unless told otherwise.
const DefaultHold = 10 * time.Millisecond

// Conditions are the faults of a [Link]. The zero value is a perfect link. Probabilities are from 0 to 1 and are drawn for each
// datagram; sizes in bytes include the headers of IP and UDP: 28 bytes over IPv4, 48 over IPv6.
//
// A datagram meets them in this order: blackout, MTU, queue and rate, loss, corruption, duplication, delay, and blackout again
// when it would leave the link.
type Conditions struct {
	// Delay is how long each datagram travels.
	Delay time.Duration

	// Jitter is the most that is added to Delay, evenly distributed from zero. Datagrams stay in order unless JitterReorders.
	Jitter         time.Duration
	JitterReorders bool

	// Loss is the probability that a datagram is lost, independently of others.
	Loss float64

	// Burst adds loss in bursts.
	Burst Burst

	// Duplicate is the probability that a datagram arrives twice. The second has a jitter of its own.
	Duplicate float64

	// Reorder is the probability that a datagram is held back by Hold ([DefaultHold] if zero) while others pass it.
	Reorder float64
	Hold    time.Duration

	// Corrupt is the probability that one bit of the datagram's payload is changed.
	Corrupt float64

	// Rate is what the link carries in bits a second; zero is no limit.
	Rate int64

	// Queue is how many bytes may wait for the link, that which it is sending included. A datagram that does not fit is dropped,
	// except by an idle link. Zero is [DefaultQueue]. Without a rate there is no queue.
	Queue int

	// MTU is the size in bytes above which datagrams vanish; zero is no limit.
	MTU int
}

// Burst is loss after Gilbert and Elliott: the link is in a good state, where [Conditions].Loss holds, or in a bad one. It may
// change before each datagram. The zero value has no bad state. In the long run ToBad/(ToBad+ToGood) of all datagrams meet
// the bad state, and a stay in it lasts 1/ToGood datagrams on average.
type Burst struct {
	// ToBad and ToGood are the probabilities to go to the other state.
	ToBad, ToGood float64

	// Loss is the probability of loss in the bad state; zero is taken as 1.
	Loss float64
}
