package bench

// findMax tries numbers of players from start up to limit. It grows by a quarter while they are clean, then halves the
// distance between the largest that was and the smallest that was not, until that is no more than resolution, a share
// of the former. It returns the first error of try.
func findMax(start, limit int, resolution float64, try func(n int) (clean bool, err error)) error {
	clean, dirty := 0, limit+1
	for n := min(start, limit); n > clean && n < dirty; {
		ok, err := try(n)
		if err != nil {
			return err
		}
		if ok {
			clean = n
		} else {
			dirty = n
		}
		switch {
		case float64(dirty-clean) <= max(resolution*float64(clean), 1):
			return nil
		case dirty > limit:
			n = min(clean+max(clean/4, 1), limit)
		default:
			n = (clean + dirty) / 2
		}
	}
	return nil
}
