package media

// Elapsed returns the milliseconds from one timestamp to another across 2^32:
// negative where to is the earlier one. Timestamps more than 2^31 ms (24.8 days) apart cannot be told
// from timestamps in the other order (RTMP 1.0 5.3.1).
func Elapsed(from, to uint32) int32 {
	return int32(to - from)
}

// Before reports whether timestamp a is earlier than b, across 2^32 as [Elapsed] has it.
func Before(a, b uint32) bool {
	return Elapsed(a, b) > 0
}
