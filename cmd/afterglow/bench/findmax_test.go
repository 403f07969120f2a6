package bench

import (
	"errors"
	"testing"
)

func TestFindMaxComesNearWhatTheServerCarries(t *testing.T) {
	for _, test := range []struct{ start, limit, capacity int }{
		{100, 10_000, 1000}, {2000, 10_000, 1000}, {1000, 10_000, 1000}, {100, 500, 1000}, {100, 500, 0}, {1, 500, 3}, {700, 500, 1000},
	} {
		best, tries := 0, 0
		err := findMax(test.start, test.limit, 0.05, func(n int) (bool, error) {
			tries++
			if n < 1 || n > test.limit {
				t.Fatalf("%+v: tried %d", test, n)
			}
			if n <= test.capacity {
				best = max(best, n)
			}
			return n <= test.capacity, nil
		})
		want := min(test.capacity, test.limit)
		if err != nil || best > want || float64(best) < 0.95*float64(want)-1 || tries > 25 {
			t.Errorf("%+v: found %d in %d tries, want %d: %v", test, best, tries, want, err)
		}
	}
}

func TestFindMaxEndsWithAnError(t *testing.T) {
	broken := errors.New("broken")
	tries := 0
	err := findMax(10, 100, 0.05, func(int) (bool, error) { tries++; return true, broken })
	if !errors.Is(err, broken) || tries != 1 {
		t.Errorf("%v after %d tries", err, tries)
	}
}
