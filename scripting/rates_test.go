package scripting

import (
	"testing"
	"time"
)

func TestRatesAreAveragesSinceTheLastQuestion(t *testing.T) {
	born := time.Unix(1000, 0)
	var r rates
	for _, step := range []struct {
		after     time.Duration
		in, out   uint64
		wantIn    uint64
		wantOut   uint64
		behaviour string
	}{
		{500 * time.Millisecond, 100, 100, 0, 0, "nothing is known within the first second"},
		{2 * time.Second, 2000, 400, 1000, 200, "since the beginning"},
		{2500 * time.Millisecond, 90000, 90000, 1000, 200, "asked again at once"},
		{6 * time.Second, 10000, 400, 2000, 0, "since the last measurement"},
		{8 * time.Second, 0, 0, 0, 0, "counts that begin anew"},
	} {
		in, out := r.measure(born, born.Add(step.after), step.in, step.out)
		if in != step.wantIn || out != step.wantOut {
			t.Errorf("%s: %d and %d bytes a second, want %d and %d", step.behaviour, in, out, step.wantIn, step.wantOut)
		}
	}
}
