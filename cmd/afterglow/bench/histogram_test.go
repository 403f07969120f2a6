package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogramQuantilesAreNearTheExactOnes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h, a, b Histogram
	var all []time.Duration
	for i := range 20000 {
		d := time.Duration(random.ExpFloat64() * float64(20*time.Millisecond))
		all = append(all, d)
		h.Add(d)
		if i%2 == 0 {
			a.Add(d)
		} else {
			b.Add(d)
		}
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[min(int(q*float64(len(all))), len(all)-1)]
		got := h.Quantile(q)
		if got < want-time.Microsecond || float64(got) > float64(want)*1.04+float64(time.Microsecond) {
			t.Errorf("quantile %g: %s, want %s", q, got, want)
		}
	}
	if h.Max() != all[len(all)-1] || h.Count() != uint64(len(all)) {
		t.Errorf("max %s of %d", h.Max(), h.Count())
	}
	a.Merge(&b)
	if a != h {
		t.Error("merged histograms differ from one that was given everything")
	}
}

func TestHistogramBucketsMeetWithoutGaps(t *testing.T) {
	for i := 1; i < buckets; i++ {
		top := uint64(bucketTop(i) / time.Microsecond)
		if bucketOf(top) != i || i+1 < buckets && bucketOf(top+1) != i+1 {
			t.Fatalf("bucket %d ends at %d, which is in %d, and the next in %d", i, top, bucketOf(top), bucketOf(top+1))
		}
	}
}

func TestHistogramTakesWhatIsOutOfRange(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Mean() != 0 {
		t.Error("an empty histogram has figures")
	}
	h.Add(-time.Second)
	h.Add(1 << 62)
	if h.Quantile(0) != 0 || h.Max() != 1<<62 {
		t.Errorf("got %s to %s", h.Quantile(0), h.Max())
	}
}
