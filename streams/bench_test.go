package streams

import "testing"

// BenchmarkThousandSubscribers is a publisher's packet and the pulling of it by a thousand subscribers.
func BenchmarkThousandSubscribers(b *testing.B) {
	h := NewHub(Config{})
	p := publish(b, h)
	defer p.Close()
	var woken counter
	subs := make([]*Subscriber, 1000)
	for i := range subs {
		subs[i] = h.Subscribe("cam", SubscribeOptions{Waker: &woken})
		defer subs[i].Close()
	}
	k, v := sized(key(0), 20_000), sized(inter(0), 3000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		packet := v
		if i%60 == 0 {
			packet = k
		}
		if err := p.Write(packet); err != nil {
			b.Fatal(err)
		}
		for _, sub := range subs {
			if _, ok := sub.Next(); !ok {
				b.Fatal("nothing there")
			}
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	h := NewHub(Config{})
	p := publish(b, h)
	defer p.Close()
	v := inter(0)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Write(v); err != nil {
			b.Fatal(err)
		}
	}
}
