package bench

import (
	"math/bits"
	"time"
)

// Histogram counts durations in constant memory, each to within 3 percent and never below a microsecond. The zero
// value is empty.
type Histogram struct {
	counts [buckets]uint64
	total  uint64
	sum    time.Duration
	max    time.Duration
}

const (
	subBits = 5
	buckets = (40 - subBits) << subBits // up to 2^39 microseconds, six days
)

// Add counts d; a negative d counts as zero.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucketOf(uint64(d/time.Microsecond))]++
	h.total++
	h.sum += d
	h.max = max(h.max, d)
}

// Merge adds everything that other counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.sum += other.sum
	h.max = max(h.max, other.max)
}

// Count returns how many durations were added.
func (h *Histogram) Count() uint64 { return h.total }

// Max returns the largest duration exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean returns the average, 0 of an empty histogram.
func (h *Histogram) Mean() time.Duration {
	if h.total == 0 {
		return 0
	}
	return h.sum / time.Duration(h.total)
}

// Quantile returns the smallest duration that at least the share q, between 0 and 1, of all durations do not exceed.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := min(uint64(q*float64(h.total)), h.total-1)
	var seen uint64
	for i, n := range h.counts {
		seen += n
		if seen > rank {
			return min(bucketTop(i), h.max)
		}
	}
	return h.max
}

// bucketOf maps microseconds to a bucket: values below 2^subBits have one of their own, and then each power of two
// is cut into 2^subBits parts.
func bucketOf(us uint64) int {
	if us < 1<<subBits {
		return int(us)
	}
	shift := bits.Len64(us) - 1 - subBits
	return min((shift+1)<<subBits+int(us>>shift)-1<<subBits, buckets-1)
}

func bucketTop(i int) time.Duration {
	if i < 1<<subBits {
		return time.Duration(i) * time.Microsecond
	}
	shift := i>>subBits - 1
	base := uint64(i&(1<<subBits-1)) + 1<<subBits
	return time.Duration((base+1)<<shift-1) * time.Microsecond
}
