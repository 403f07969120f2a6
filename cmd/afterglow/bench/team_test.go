package bench

import "testing"

func TestTeamShareOfStreams(t *testing.T) {
	team := team{players: 7}
	if a, b, c := team.viewers(0, 3), team.viewers(1, 3), team.viewers(2, 3); a != 3 || b != 2 || c != 2 {
		t.Errorf("viewers %d, %d, %d, want 3, 2, 2", a, b, c)
	}
	if got := team.expected([]uint64{100, 10, 1}); got != 322 {
		t.Errorf("%d bytes expected, want 322", got)
	}
}
