package sharedobjects

import (
	"fmt"
	"testing"
	"time"

	"afterglow/amf"
)

func filled(b *testing.B, o *Object, properties int) *Object {
	for i := range properties {
		set(b, o, fmt.Sprint("property", i), float64(i))
	}
	return o
}

func BenchmarkSet(b *testing.B) {
	for name, value := range map[string]amf.Value{
		"number": 1.5,
		"object": amf.NewObject(amf.Property{Name: "x", Value: 1.0}, amf.Property{Name: "name", Value: "anna"}),
	} {
		b.Run(name, func(b *testing.B) {
			o := filled(b, New("o", Limits{}), 1000)
			b.ReportAllocs()
			for b.Loop() {
				set(b, o, "property500", value)
			}
		})
	}
}

func BenchmarkChanges(b *testing.B) {
	o := filled(b, New("o", Limits{}), 1000)
	for name, since := range map[string]uint32{"one of 1000": o.Version() - 1, "all of 1000": 0} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o.Changes(since)
			}
		})
	}
}

func BenchmarkHandOver(b *testing.B) {
	s := openStore(b, b.TempDir()+"/objects.db", Options{CommitInterval: time.Hour})
	n := s.Instance("app", "room")
	o := filled(b, n.Create("o"), 1000)
	flush(b, n, o)
	b.ReportAllocs()
	for b.Loop() {
		set(b, o, "property500", 1.5)
		n.Commit(o)
	}
}

func BenchmarkFlush(b *testing.B) {
	s := newStore(b)
	n := s.Instance("app", "room")
	o := filled(b, n.Create("o"), 1000)
	flush(b, n, o)
	for b.Loop() {
		set(b, o, "property500", 1.5)
		flush(b, n, o)
	}
}

func BenchmarkFlushParallel(b *testing.B) {
	s := newStore(b)
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		n := s.Instance("app", fmt.Sprintf("%p", pb))
		o := n.Create("o")
		for pb.Next() {
			set(b, o, "x", 1.5)
			flush(b, n, o)
		}
	})
	b.ReportMetric(float64(b.N)/float64(s.Stats().Transactions), "flushes/transaction")
}

// BenchmarkThousandDirtyObjects is one transaction with a change in each of 1,000 objects of 10 properties.
func BenchmarkThousandDirtyObjects(b *testing.B) {
	s := openStore(b, b.TempDir()+"/objects.db", Options{CommitInterval: time.Hour})
	n := s.Instance("app", "room")
	objects := make([]*Object, 1000)
	for i := range objects {
		objects[i] = filled(b, n.Create(fmt.Sprint("object", i)), 10)
		n.Commit(objects[i])
	}
	if err := s.sync(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, o := range objects {
			set(b, o, "property5", 1.5)
			n.Commit(o)
		}
		if err := s.sync(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	s := newStore(b)
	n := s.Instance("app", "room")
	o := filled(b, n.Create("o"), 1000)
	flush(b, n, o)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.Load("o"); err != nil {
			b.Fatal(err)
		}
	}
}
