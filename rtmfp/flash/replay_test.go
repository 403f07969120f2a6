package flash

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestReplayWindowEdges(t *testing.T) {
	type step struct {
		number uint64
		fresh  bool
	}
	for name, steps := range map[string][]step{
		"in order":             {{0, true}, {1, true}, {2, true}, {2, false}, {0, false}, {1, false}},
		"begins late":          {{5, true}, {0, true}, {5, false}, {0, false}, {3, true}},
		"32 late":              {{32, true}, {0, true}, {0, false}},
		"last in the window":   {{1000, true}, {1000 - 127, true}, {1000 - 127, false}},
		"first before it":      {{1000, true}, {1000 - 128, false}, {0, false}},
		"advance by 63":        {{10, true}, {73, true}, {10, false}, {11, true}},
		"advance by 64":        {{10, true}, {74, true}, {10, false}, {11, true}},
		"advance by 65":        {{10, true}, {75, true}, {10, false}, {11, true}},
		"advance by 127":       {{10, true}, {137, true}, {10, false}, {11, true}},
		"advance by 128":       {{10, true}, {138, true}, {10, false}, {11, true}},
		"leap to the very end": {{3, true}, {math.MaxUint64, true}, {math.MaxUint64, false}, {3, false}, {math.MaxUint64 - 127, true}},
	} {
		var window replayWindow
		for i, s := range steps {
			if got := window.accept(s.number); got != s.fresh {
				t.Errorf("%s: step %d, number %d: fresh is %t", name, i, s.number, got)
			}
		}
	}
}

// TestReplayWindowAgreesWithASet compares with the plain rule: what was seen, or is too old, is refused.
func TestReplayWindowAgreesWithASet(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var window replayWindow
	seen, highest := map[uint64]bool{}, uint64(0)
	for range 100_000 {
		number := highest + random.Uint64N(300)
		number -= min(number, random.Uint64N(400))
		want := !seen[number] && number+replaySpan > highest
		if got := window.accept(number); got != want {
			t.Fatalf("number %d at %d: fresh is %t", number, highest, got)
		}
		seen[number] = true
		highest = max(highest, number)
	}
}
