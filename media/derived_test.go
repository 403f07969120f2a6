package media

import (
	"sync"
	"testing"
)

func TestDeriveKeepsTheFirst(t *testing.T) {
	p := NewPacket(KindAudio, 0, []byte{0x2F})
	a, b := new(int), new(int)
	if got := p.Derived(a); got != nil {
		t.Errorf("Derived before Derive = %v", got)
	}
	if got := p.Derive(a, "first"); got != "first" {
		t.Errorf("Derive = %v", got)
	}
	if got := p.Derive(a, "second"); got != "first" {
		t.Errorf("second Derive = %v", got)
	}
	p.Derive(b, "other")
	if p.Derived(a) != "first" || p.Derived(b) != "other" {
		t.Errorf("stored %v, %v", p.Derived(a), p.Derived(b))
	}
}

func TestDeriveIsTheSameForAllGoroutines(t *testing.T) {
	const goroutines, keys = 8, 4
	for range 200 {
		p := NewPacket(KindVideo, 0, unhex(t, "93 'avc1' 65"))
		var keyed [keys]int
		var got [goroutines][keys]any
		var classic [goroutines]*Packet
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for k := range keys {
					got[g][k] = p.Derive(&keyed[k], [2]int{g, k})
				}
				classic[g], _ = p.Classic()
			})
		}
		wg.Wait()
		for g := range goroutines {
			if got[g] != got[0] || classic[g] != classic[0] {
				t.Fatalf("goroutine %d has %v and %p, goroutine 0 %v and %p", g, got[g], classic[g], got[0], classic[0])
			}
			for k := range keys {
				if p.Derived(&keyed[k]) != got[0][k] {
					t.Fatalf("key %d was lost", k)
				}
			}
		}
	}
}

func TestDerivedDoesNotAllocate(t *testing.T) {
	p := NewPacket(KindVideo, 0, unhex(t, "93 'avc1' 65"))
	p.Classic()
	keys := [3]*int{new(int), new(int), new(int)}
	for _, k := range keys {
		p.Derive(k, p)
	}
	n := testing.AllocsPerRun(100, func() {
		p.Derived(keys[0])
		p.Classic()
		viewers[1].Form(p)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDerived(b *testing.B) {
	p := NewPacket(KindVideo, 0, unhex(b, "93 'avc1' 65"))
	keys := [4]*int{new(int), new(int), new(int), new(int)}
	for _, k := range keys {
		p.Derive(k, p)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p.Derived(keys[0])
		}
	})
}
