package bench

// usageOf reads what processes hold, nil if there are none.
func usageOf(pids []int) func() (ServerHolds, error) {
	if len(pids) == 0 {
		return nil
	}
	return func() (ServerHolds, error) {
		u, err := readUsage(pids)
		return ServerHolds{Memory: u.rss, Descriptors: u.descriptors}, err
	}
}
