package rtmfp

import (
	"net/netip"
	"testing"
	"time"
)

var cookieFrom = Path{Interface: 1, Addr: netip.MustParseAddrPort("192.0.2.1:1935")}

func TestCookieIsGoodWhereAndWhileItShallBe(t *testing.T) {
	jar := newCookieJar([32]byte{1}, 95*time.Second)
	near := PeerID{1, 2, 3, 4, 5, 6, 7, 8, 9}
	began := Instant(5 * time.Second)
	c := jar.make(began, near, cookieFrom)
	same := newCookieJar([32]byte{1}, 95*time.Second)
	other := newCookieJar([32]byte{2}, 95*time.Second)
	elsewhere := func(address string, via uint8) Path {
		return Path{Interface: via, Addr: netip.MustParseAddrPort(address)}
	}
	for what, try := range map[string]struct {
		jar  cookieJar
		now  Instant
		from Path
		want cookieVerdict
	}{
		"at once":                     {jar, began, cookieFrom, cookieGood},
		"before its time":             {jar, 0, cookieFrom, cookieGood}, // clocks of shards are read at different times
		"at the end of its time":      {jar, began.Add(95 * time.Second), cookieFrom, cookieGood},
		"after its time":              {jar, began.Add(95*time.Second + 1), cookieFrom, cookieExpired},
		"from another port":           {jar, began, elsewhere("192.0.2.1:1936", 1), cookieMoved},
		"from another address":        {jar, began, elsewhere("192.0.2.2:1935", 1), cookieMoved},
		"by another interface":        {jar, began, elsewhere("192.0.2.1:1935", 0), cookieMoved},
		"from elsewhere and too late": {jar, began.Add(time.Hour), elsewhere("192.0.2.2:1935", 1), cookieExpired},
		"to a core of the same group": {same, began, cookieFrom, cookieGood},
		"to a stranger":               {other, began, cookieFrom, cookieForged},
	} {
		prefix, verdict := try.jar.check(try.now, c[:], try.from)
		if verdict != try.want || verdict != cookieForged && prefix != [8]byte(near[:8]) {
			t.Errorf("%s: verdict %d, want %d, identity %x", what, verdict, try.want, prefix)
		}
	}
}

func TestEveryBitOfACookieCounts(t *testing.T) {
	jar := newCookieJar([32]byte{1}, 95*time.Second)
	c := jar.make(0, PeerID{}, cookieFrom)
	for bit := range 8 * len(c) {
		forged := c
		forged[bit/8] ^= 1 << (bit % 8)
		want := cookieForged
		if bit/8 >= cookieBound {
			want = cookieMoved
		}
		if _, verdict := jar.check(0, forged[:], cookieFrom); verdict != want {
			t.Fatalf("bit %d: verdict %d, want %d", bit, verdict, want)
		}
	}
	for _, size := range []int{0, 1, cookieOurs, cookieBound, cookieSize - 1} {
		if _, verdict := jar.check(0, c[:size], cookieFrom); verdict != cookieForged {
			t.Errorf("%d bytes: verdict %d", size, verdict)
		}
	}
	if _, verdict := jar.check(0, append(c[:], 0), cookieFrom); verdict != cookieForged {
		t.Errorf("a byte more: verdict %d", verdict)
	}
}

func TestCookiesDifferByAll(t *testing.T) {
	jar := newCookieJar([32]byte{1}, 95*time.Second)
	seen := make(map[cookie]bool)
	for n := range 4 {
		from := cookieFrom
		from.Addr = netip.AddrPortFrom(from.Addr.Addr(), uint16(1000+n))
		seen[jar.make(0, PeerID{}, from)] = true
		seen[jar.make(Instant(n+1), PeerID{}, cookieFrom)] = true
		seen[jar.make(0, PeerID{byte(n + 1)}, cookieFrom)] = true
	}
	if len(seen) != 12 {
		t.Errorf("%d different cookies", len(seen))
	}
}

func TestCookiesAllocateNothing(t *testing.T) {
	jar := newCookieJar([32]byte{1}, 95*time.Second)
	if n := testing.AllocsPerRun(100, func() {
		c := jar.make(0, PeerID{}, cookieFrom)
		if _, verdict := jar.check(0, c[:], cookieFrom); verdict != cookieGood {
			t.Error(verdict)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
