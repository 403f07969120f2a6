package rtmp

import (
	"bytes"
	"testing"
)

func pieces(g *Gather) []int {
	var n []int
	for _, b := range g.bufs {
		n = append(n, len(b))
	}
	return n
}

func TestGatherJoinsAdjacentMemory(t *testing.T) {
	p := filled(100)
	tests := []struct {
		name string
		add  [][]byte
		want int
	}{
		{"neighbours", [][]byte{p[:10], p[10:30], p[30:]}, 1},
		{"a hole between", [][]byte{p[:10], p[11:30]}, 2},
		{"the wrong way round", [][]byte{p[10:20], p[:10]}, 2},
		{"capacity ends inside the next", [][]byte{p[:10:15], p[10:30]}, 2},
		{"capacity ends at the piece", [][]byte{p[:10:10], p[10:30]}, 2},
		{"other memory", [][]byte{p[:10], bytes.Clone(p[10:30])}, 2},
		{"nothing", [][]byte{nil, {}, p[:0]}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := new(Gather)
			g.reset(1 << 20)
			for _, b := range tt.add {
				g.Add(b)
			}
			if len(g.bufs) != tt.want {
				t.Errorf("pieces of %v bytes, want %d pieces", pieces(g), tt.want)
			}
			if got, want := join(g.bufs...), join(tt.add...); !bytes.Equal(got, want) || g.Size() != len(want) {
				t.Errorf("%d bytes, size %d, want %d", len(got), g.Size(), len(want))
			}
		})
	}
}

func TestGatherIsFull(t *testing.T) {
	g := new(Gather)
	g.reset(10)
	if g.Full() {
		t.Error("an empty one is full")
	}
	g.Add(make([]byte, 10))
	if !g.Full() {
		t.Error("the budget is spent, and it is not full")
	}
	g.reset(1 << 20)
	for range maxVectors {
		if g.Full() {
			t.Fatalf("full with %d pieces", len(g.bufs))
		}
		g.Add(make([]byte, 1))
	}
	if !g.Full() {
		t.Error("not full with all vectors used")
	}
}

func TestGatherConsume(t *testing.T) {
	all := join(filled(5), filled(7), filled(1))
	for n := range len(all) + 1 {
		g := new(Gather)
		g.reset(100)
		g.Add(filled(5))
		g.Add(filled(7))
		g.Add(filled(1))
		g.consume(n)
		if got := join(g.bufs...); !bytes.Equal(got, all[n:]) || g.Size() != len(all)-n {
			t.Errorf("%d consumed: %d left, size %d", n, len(got), g.Size())
		}
	}
}

func TestGatherKeepsNothingInThePool(t *testing.T) {
	g := getGather()
	g.reset(100)
	g.Add(filled(5))
	bufs := g.bufs[:1]
	putGather(g)
	if bufs[0] != nil {
		t.Error("the pool holds somebody's chunks")
	}
}
