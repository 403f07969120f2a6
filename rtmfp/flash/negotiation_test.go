package flash

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"afterglow/rtmfp"
)

var protections = func() (all []Protection) {
	for send := SendOnRequest; send <= SendNever; send++ {
		for receive := RequestMutually; receive <= Require; receive++ {
			all = append(all, Protection{send, receive})
		}
	}
	return all
}()

func (p Protection) String() string {
	return []string{"on request", "always", "never"}[p.Send] + "/" + []string{"mutually", "never", "request", "require"}[p.Receive]
}

// outcome says in plain words what the two policies lead to.
func outcome(initiator, responder Protection) (initiatorSends, responderSends, initiatorRefuses, responderRefuses bool) {
	initiatorRequests := initiator.Receive != RequestNever
	responderRequests := responder.Receive == Request || responder.Receive == Require ||
		responder.Receive == RequestMutually && initiatorRequests
	initiatorSends = initiator.Send == SendAlways || initiator.Send == SendOnRequest && responderRequests
	responderSends = responder.Send == SendAlways || responder.Send == SendOnRequest && initiatorRequests
	initiatorRefuses = initiator.Receive == Require && !responderSends
	responderRefuses = responder.Receive == Require && !initiatorSends
	return
}

// TestHandshakesWithAllPolicies runs both ends with each of the 144 pairs of policies, for HMACs and for sequence numbers.
func TestHandshakesWithAllPolicies(t *testing.T) {
	keys := [2]*PrivateKey{generate(t, Group2), generate(t, Group2)} // static: only one exponentiation for each end
	for n, initiator := range protections {
		for m, responder := range protections {
			// The other kind of protection goes through the pairs in another order.
			other := [2]Protection{protections[(n+5)%12], protections[(m+7*n)%12]}
			near := identity(t, IdentityConfig{Keys: keys[:1], HMAC: initiator, Sequence: other[0], HMACLength: 4 + n})
			far := identity(t, IdentityConfig{Keys: keys[1:], HMAC: responder, Sequence: other[1], HMACLength: 20 + m})
			name := fmt.Sprintf("HMAC %v with %v, sequence %v with %v", initiator, responder, other[0], other[1])
			checkPolicies(t, name, near, far)
		}
	}
}

func checkPolicies(t *testing.T, name string, near, far *Identity) {
	t.Helper()
	hmacNear, hmacFar, hmacNearRefuses, hmacFarRefuses := outcome(near.hmac, far.hmac)
	numbersNear, numbersFar, numbersNearRefuses, numbersFarRefuses := outcome(near.sequence, far.sequence)
	one, other, err := handshake(t, near, far)
	switch {
	case hmacFarRefuses || numbersFarRefuses || hmacNearRefuses || numbersNearRefuses:
		if !errors.Is(err, rtmfp.ErrKeying) {
			t.Errorf("%s: %v", name, err)
		}
		hmac := hmacFarRefuses || !numbersFarRefuses && hmacNearRefuses
		sequence := numbersFarRefuses || !hmacFarRefuses && numbersNearRefuses
		if !(hmac && errors.Is(err, errNoHMAC)) && !(sequence && errors.Is(err, errNoSequence)) {
			t.Errorf("%s: wrong reason %v", name, err)
		}
		return
	case err != nil:
		t.Errorf("%s: %v", name, err)
		return
	}
	check := func(end string, c *packetCipher, sends, receives, numbers, expects bool, nearLength, farLength uint64) {
		want := [4]int{0, 0}
		if sends {
			want[0] = int(nearLength)
		}
		if receives {
			want[1] = int(farLength)
		}
		if got := [4]int{c.sendMAC.length, c.receiveMAC.length}; got != want || c.sendNumbers != numbers || c.expectNumbers != expects {
			t.Errorf("%s: %s has HMACs of %v, not %v, numbers %t and %t", name, end, got, want, c.sendNumbers, c.expectNumbers)
		}
	}
	check("initiator", one.Cipher.(*packetCipher), hmacNear, hmacFar, numbersNear, numbersFar, near.hmacLength, far.hmacLength)
	check("responder", other.Cipher.(*packetCipher), hmacFar, hmacNear, numbersFar, numbersNear, far.hmacLength, near.hmacLength)
	exchange(t, name, one, other)
}

// TestAnswerTakesTheFormOfTheOffer compares the negotiation options of a responder with default policies.
func TestAnswerTakesTheFormOfTheOffer(t *testing.T) {
	client := parse(t, append(unhex(t, "81 02 1d 02"), generate(t, Group2).public...))
	server := identity(t, IdentityConfig{AcceptsAncillary: true})
	for offer, answer := range map[string]string{
		"":                               "03 1a 00 00  02 1e 00",
		"03 1a 00 00  02 1e 00":          "03 1a 00 00  02 1e 00",
		"03 1a 02 0a  02 1e 02":          "03 1a 00 00  02 1e 00", // librtmfp, which cannot do what it offers
		"03 1a 03 10  02 1e 03":          "03 1a 03 10  02 1e 03", // rtmfp-cpp by default
		"02 1e 03  03 1a 02 10":          "03 1a 00 00  02 1e 03",
		"03 1a 07 04  02 1e 07":          "03 1a 03 10  02 1e 03",
		"03 1a 04 20  02 1e 04":          "03 1a 00 00  02 1e 00",
		"03 1a fb 20  02 1e f8":          "03 1a 03 10  02 1e 00", // reserved flags
		"05 1a 03 10 aa bb  03 1e 03 aa": "03 1a 03 10  02 1e 03", // longer than we know
	} {
		got, _, err := server.Respond(rand.Reader, client, append(unhex(t, "02 1d 02"), unhex(t, offer)...))
		if err != nil {
			t.Errorf("offer %s: %v", offer, err)
			continue
		}
		want := unhex(t, answer)
		if !bytes.HasPrefix(got, want) || len(got) != len(want)+2+2+128 {
			t.Errorf("offer %s is answered with %x", offer, got)
		}
	}
}

func TestHMACLengthsAreChecked(t *testing.T) {
	client := parse(t, append(unhex(t, "81 02 1d 02"), generate(t, Group2).public...))
	server := identity(t, IdentityConfig{})
	for offer, acceptable := range map[string]bool{
		"03 1a 07 00":       false,
		"03 1a 07 03":       false,
		"03 1a 07 04":       true,
		"03 1a 07 20":       true,
		"03 1a 07 21":       false,
		"04 1a 07 81 00":    false,
		"03 1a 04 00":       false,
		"03 1a 01 00":       true, // sends none
		"03 1a 02 21":       true, // is not asked for any
		"02 1a 07":          false,
		"01 1a":             false,
		"01 1e":             false,
		"03 1a 07 90":       false,
		"03 1e 07 00":       true,
		"03 1a 00 00 01 00": true,
	} {
		_, _, err := server.Respond(rand.Reader, client, append(unhex(t, "02 1d 02"), unhex(t, offer)...))
		if (err == nil) != acceptable || err != nil && !errors.Is(err, rtmfp.ErrKeying) {
			t.Errorf("offer %s: %v", offer, err)
		}
	}
}
