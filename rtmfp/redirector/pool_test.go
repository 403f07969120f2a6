package redirector

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

// testPlace is a registered server, or a target if the name is in capitals.
func testPlace(name string, load uint64) *place {
	e := &place{load: load, weight: 1, settings: settings{observed: true}}
	e.observed = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, name[0]}), 1935)
	if name == strings.ToLower(name) {
		e.session, e.peer = new(rtmfp.Session), rtmfp.PeerID{name[0]}
	}
	return e
}

func poolOf(places ...*place) *pool {
	p := new(pool)
	for _, e := range places {
		p.add(e)
	}
	return p
}

// picks gives the names of those who are picked, one word for each time.
func picks(p *pool, answers, times int) string {
	var words []string
	for range times {
		now := time.Unix(0, 0).Add(time.Duration(p.turns) * time.Hour) // since the last time all has got into the loads
		var word []byte
		for _, e := range p.pick(now, answers, nil) {
			word = append(word, e.observed.Addr().As4()[3])
		}
		words = append(words, string(word))
	}
	return strings.Join(words, " ")
}

func TestLeastLoadedComesFirst(t *testing.T) {
	p := poolOf(testPlace("a", 30), testPlace("b", 10), testPlace("c", 20))
	if got := picks(p, 2, 3); got != "bc bc bc" {
		t.Error(got)
	}
	if got := picks(p, 8, 1); got != "bca" {
		t.Error(got)
	}
	p.places[1].load = 40
	if got := picks(p, 1, 2); got != "c c" {
		t.Error(got)
	}
}

func TestEqualsTakeTurnsAtEachPosition(t *testing.T) {
	p := poolOf(testPlace("a", 5), testPlace("b", 5), testPlace("c", 5))
	if got := picks(p, 2, 6); got != "ab bc ca ab bc ca" {
		t.Error(got)
	}
	// Behind one that is always first the others take turns too.
	p = poolOf(testPlace("a", 1), testPlace("b", 5), testPlace("c", 5), testPlace("d", 5))
	if got := picks(p, 2, 4); got != "ab ac ad ab" {
		t.Error(got)
	}
}

func TestLateComersHaveNothingToMakeUpFor(t *testing.T) {
	p := poolOf(testPlace("a", 0), testPlace("b", 0))
	picks(p, 1, 1000)
	p.add(testPlace("c", 0))
	got := picks(p, 1, 30)
	for _, name := range []string{"a", "b", "c"} {
		if n := strings.Count(got, name); n != 10 {
			t.Errorf("%s had %d of 30: %s", name, n, got)
		}
	}
	// Nor has one whose load has kept it away.
	p.places[0].load = 9
	picks(p, 1, 1000)
	p.places[0].load = 0
	if got := picks(p, 1, 30); strings.Count(got, "a") > 11 {
		t.Error(got)
	}
}

func TestTargetsShareByWeightWithTheLeastLoaded(t *testing.T) {
	heavy := testPlace("A", 0)
	heavy.weight = 3
	p := poolOf(heavy, testPlace("B", 0))
	if got := picks(p, 1, 40); strings.Count(got, "A") != 30 {
		t.Error(got)
	}
	heavy.pass = 0
	p = poolOf(heavy, testPlace("b", 100), testPlace("c", 200))
	got := picks(p, 1, 40)
	if strings.Count(got, "A") != 30 || strings.Count(got, "b") != 10 {
		t.Error(got)
	}
	if got := picks(p, 2, 4); strings.Contains(got, "c") {
		t.Error(got)
	}
}

func TestRushIsSpreadBeforeLoadsAreReported(t *testing.T) {
	a, b := testPlace("a", 3), testPlace("b", 0)
	p := poolOf(a, b)
	now := time.Now()
	rush := func(n int) string {
		var names []byte
		for range n {
			names = append(names, p.pick(now, 1, nil)[0].observed.Addr().As4()[3])
		}
		return string(names)
	}
	if got := rush(7); strings.Count(got, "a") != 2 || strings.Contains(got[:3], "a") {
		t.Error(got)
	}
	b.report(4)
	if got := rush(1); got != "b" {
		t.Error("what was reported was counted twice:", got)
	}
	now = now.Add(reportTime + 1)
	a.load, b.load = 0, 5
	if got := rush(4); got != "aaaa" {
		t.Error("who has not come is counted for ever:", got)
	}
	a.load = math.MaxUint64
	if got := a.expected(now); got != math.MaxUint64 {
		t.Error("overflow:", got)
	}
}

func TestDrainingAndAddresslessServersAreNotPicked(t *testing.T) {
	a, b, c := testPlace("a", 0), testPlace("b", 7), testPlace("c", 0)
	p := poolOf(a, b, c)
	a.draining = true
	c.settings.observed = false
	if got := picks(p, 2, 2); got != "b b" {
		t.Error(got)
	}
	if p.named(a.peer) != a || p.named(c.peer) != nil {
		t.Error("by fingerprint: one that drains is there, one without an address is not")
	}
}

func TestServerThatIsRegisteredTwiceIsOffered(t *testing.T) {
	old, again := testPlace("a", 0), testPlace("a", 0)
	again.observed = netip.MustParseAddrPort("10.0.0.122:1935") // z
	p := poolOf(old, testPlace("b", 0), again)
	if got := picks(p, 2, 8); strings.Contains(got, "az") || strings.Contains(got, "za") || strings.Count(got, "b") != 8 {
		t.Errorf("twice in one answer: %s", got)
	}
	if got := picks(p, 1, 8); strings.Count(got, "b") != 4 {
		t.Errorf("more than its share: %s", got)
	}
	if p.named(old.peer) != again {
		t.Error("by fingerprint the newest one counts")
	}
}

func TestAnswersHoldEachAddressOnceAndNotTooMany(t *testing.T) {
	e := testPlace("a", 0)
	e.settings.addresses = toWire([]netip.AddrPort{e.observed, netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.1:1")})
	if got := e.appendAddresses(nil); len(got) != 2 || got[0].AddrPort != e.observed {
		t.Error(got)
	}
	for n := range 50 {
		e.settings.addresses = append(e.settings.addresses, toWire([]netip.AddrPort{netip.AddrPortFrom(e.observed.Addr(), uint16(n+1))})...)
	}
	if got := e.appendAddresses(nil); len(got) != maxOffered {
		t.Errorf("%d addresses", len(got))
	}
}

// librtmfp takes an address of unknown origin for the sign that there is nobody.
func TestNoAddressIsOfUnknownOrigin(t *testing.T) {
	target := netip.MustParseAddrPort("10.0.0.1:1")
	e := &place{settings: settings{addresses: append(toWire([]netip.AddrPort{target}), wire.Address{AddrPort: netip.MustParseAddrPort("10.0.0.2:2")})}}
	s, err := NewServer(ServerConfig{Name: "lb", Fallback: []netip.AddrPort{target}})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range append(e.appendAddresses(nil), s.fallback...) {
		if a.Origin == wire.OriginUnknown {
			t.Errorf("%v is of unknown origin", a)
		}
	}
}

func TestBackoffDoublesUpToItsMost(t *testing.T) {
	b := backoff{first: 1000, most: 10000}
	var got []int64
	for range 6 {
		got = append(got, int64(b.next(0.5)))
	}
	if fmt.Sprint(got) != "[1000 2000 4000 8000 10000 10000]" {
		t.Error(got)
	}
	if low, high := b.next(0), b.next(1); low != 8000 || high != 12000 {
		t.Error(low, high)
	}
}
