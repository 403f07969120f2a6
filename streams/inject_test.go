package streams

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/media"
)

func TestInjectedDataHasTheTimeOfTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Config{})
		if h.Inject("x", data(0)) || len(h.Streams()) > 0 {
			t.Error("nobody is there")
		}
		sub := h.Subscribe("x", SubscribeOptions{})
		defer sub.Close()
		if !h.Inject("x", data(5)) {
			t.Error("who waits is not reached")
		}
		p, _ := h.Publish("x", Claim{})
		defer p.Close()
		h.Inject("x", data(0))
		time.Sleep(600 * time.Millisecond)
		h.Inject("x", data(0))
		_ = p.Write(key(9000))
		time.Sleep(500 * time.Millisecond)
		h.Inject("x", data(0))
		time.Sleep(time.Millisecond)
		h.Inject("x", data(0))
		_ = p.Write(inter(9040))
		h.Inject("x", data(0))
		defer func() {
			p.Close()
			if sub.Close(); len(h.Streams()) > 0 {
				t.Error("the stream is held")
			}
		}()
		if got, want := all(sub), "d0 publish d0 d600 k9000 d9000 d9501 v9040 d9040"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestInjectedDataIsKeptUntilItIsForgotten(t *testing.T) {
	h := NewHub(Config{})
	joined := func() string {
		sub := h.Subscribe("x", SubscribeOptions{})
		defer sub.Close()
		return all(sub)
	}
	waiting := h.Subscribe("x", SubscribeOptions{})
	defer waiting.Close()
	if !h.InjectData("x", "h", data(0)) || joined() != "" || h.ForgetData("x", "h") {
		t.Error("without a publisher data is kept")
	}
	p, _ := h.Publish("x", Claim{})
	defer p.Close()
	h.InjectData("x", "h", data(0))
	_ = p.Write(key(40))
	if got := joined(); got != "d40 k40" {
		t.Errorf("a newcomer gets %s", got)
	}
	if !h.ForgetData("x", "h") {
		t.Error("nothing is forgotten")
	}
	_ = p.Write(key(80))
	if got := joined(); got != "k80" {
		t.Errorf("a newcomer gets %s", got)
	}
}

func TestASpliceGoesOnInTimeAndForgetsWhatWasKept(t *testing.T) {
	h := NewHub(Config{})
	sub := h.Subscribe("x", SubscribeOptions{})
	defer sub.Close()
	p, _ := h.Publish("x", Claim{})
	p.Splice() // before anything is written it changes nothing
	_ = p.SetData("h", data(0))
	_ = p.Write(videoConfig(0))
	_ = p.Write(key(700))
	p.Splice()
	newcomer := h.Subscribe("x", SubscribeOptions{})
	defer newcomer.Close()
	_ = p.Write(audioConfig(50000))
	_ = p.Write(key(50000))
	_ = p.Write(inter(50040))
	if got, want := all(sub), "publish d0 V0 k700 A701 k701 v741"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := all(newcomer), "A701 k701 v741"; got != want {
		t.Errorf("a newcomer gets %s, want %s", got, want)
	}
	p.Close()
	p.Splice()
}

func TestWhoOutranksOthersKeepsTheName(t *testing.T) {
	h := NewHub(Config{})
	var evicted []string
	claim := func(name string, take, outranks bool) Claim {
		return Claim{Take: take, Outranks: outranks, Evicted: func(*Publisher) { evicted = append(evicted, name) }}
	}
	steps := []struct {
		claim Claim
		err   error
	}{
		{claim("client", false, false), nil},
		{claim("modest", false, true), ErrNameTaken},
		{claim("server", true, true), nil},
		{claim("taker", true, false), ErrNameTaken},
		{claim("other server", true, true), nil},
	}
	for i, step := range steps {
		p, err := h.Publish("x", step.claim)
		if !errors.Is(err, step.err) {
			t.Errorf("step %d: %v", i, err)
		}
		if p != nil {
			defer p.Close()
		}
	}
	if !slices.Equal(evicted, []string{"client", "server"}) {
		t.Errorf("evicted %q", evicted)
	}
}

func TestASubscriberKnowsWhichDataIsKept(t *testing.T) {
	h := NewHub(Config{})
	p, _ := h.Publish("x", Claim{})
	defer p.Close()
	_ = p.SetData("h", data(0))
	_ = p.Write(key(40))
	sub := h.Subscribe("x", SubscribeOptions{})
	defer sub.Close()
	_ = p.Write(data(50))
	_ = p.Write(media.NewPacket(media.KindData, 50, nil))
	_ = p.SetData("i", data(60))
	var kept []string
	for item, ok := sub.Next(); ok; item, ok = sub.Next() {
		handler, ok := sub.KeptAs(item.Packet)
		if ok != (handler != "") {
			t.Errorf("%s is kept as %q", short(item), handler)
		}
		kept = append(kept, handler)
	}
	if !slices.Equal(kept, []string{"h", "", "", "", "i"}) {
		t.Errorf("kept as %q", kept)
	}
}
