package flash

import (
	"errors"
	"fmt"

	"afterglow/rtmfp"
)

// SendPolicy says when we protect the packets that we send, by HMAC or by session sequence number.
type SendPolicy uint8

const (
	// SendOnRequest does it if the far end requests it.
	SendOnRequest SendPolicy = iota

	// SendAlways does it in any case.
	SendAlways

	// SendNever does not do it. A far end that requires it gives up.
	SendNever
)

// ReceivePolicy says whether we want the packets that we receive to be protected. Whatever it is, a far end that announces
// protection is expected to keep its word.
type ReceivePolicy uint8

const (
	// RequestMutually requests it as initiator, and as responder of those who request it themselves. An end that only
	// offers is not believed: librtmfp offers both and can do neither.
	RequestMutually ReceivePolicy = iota

	// RequestNever leaves it to the far end.
	RequestNever

	// Request requests it and takes what comes.
	Request

	// Require requests it and refuses a far end that does not agree.
	Require
)

// Protection is how HMACs or session sequence numbers are negotiated (RFC 7425 4.6.4 and 4.6.6). The zero value gives what the
// far end requests, and requests the same of it.
type Protection struct {
	Send    SendPolicy
	Receive ReceivePolicy
}

// valid tells whether the policies are among those above.
func (p Protection) valid() bool { return p.Send <= SendNever && p.Receive <= Require }

// flags are those of the negotiation options (RFC 7425 4.5.2.4 and 4.5.2.5).
type flags uint8

const (
	flagRequest   flags = 1 << iota // the sender wants the other end to do it
	flagOnRequest                   // the sender will do it on request
	flagAlways                      // the sender will do it always
)

// initiator gives the flags of an initiator, which speaks first.
func (p Protection) initiator() flags {
	f := p.sends()
	if p.Receive != RequestNever {
		f |= flagRequest
	}
	return f
}

// responder gives the flags of a responder. It does not offer what the initiator has not requested: so an initiator that
// requests nothing is answered with zeros, the only answer that librtmfp can read.
func (p Protection) responder(initiator flags) flags {
	requested := initiator&flagRequest != 0
	f := p.sends()
	if !requested {
		f &^= flagOnRequest
	}
	if p.Receive >= Request || p.Receive == RequestMutually && requested {
		f |= flagRequest
	}
	return f
}

func (p Protection) sends() flags {
	switch p.Send {
	case SendAlways:
		return flagAlways
	case SendNever:
		return 0
	}
	return flagOnRequest
}

// offers tells whether the sender of the flags is ready to protect its packets.
func (f flags) offers() bool { return f&(flagAlways|flagOnRequest) != 0 }

// towards tells whether the sender of f protects the packets that it sends to the sender of far.
func (f flags) towards(far flags) bool {
	return f&flagAlways != 0 || f&flagOnRequest != 0 && far&flagRequest != 0
}

// The lengths of an HMAC in bytes (RFC 7425 4.6.4), and ours.
const (
	minHMAC     = 4
	maxHMAC     = 32
	defaultHMAC = 16
)

// terms are the outcome for one end.
type terms struct {
	sendHMAC, receiveHMAC         int // length; 0: a checksum instead
	sendSequence, receiveSequence bool
}

var (
	errNoHMAC     = errors.New("far end will not send HMACs")
	errNoSequence = errors.New("far end will not send session sequence numbers")
)

// agree gives the terms for our component and the far one. Its errors wrap rtmfp.ErrKeying.
func (i *Identity) agree(near, far *component) (terms, error) {
	t := terms{
		sendSequence:    near.sequence.towards(far.sequence),
		receiveSequence: far.sequence.towards(near.sequence),
	}
	if i.sequence.Receive == Require && !t.receiveSequence {
		return terms{}, fmt.Errorf("%w: %w", rtmfp.ErrKeying, errNoSequence)
	}
	if near.hmac.towards(far.hmac) {
		t.sendHMAC = int(near.hmacLength)
	}
	if !far.hmac.towards(near.hmac) {
		if i.hmac.Receive == Require {
			return terms{}, fmt.Errorf("%w: %w", rtmfp.ErrKeying, errNoHMAC)
		}
		return t, nil
	}
	if far.hmacLength < minHMAC || far.hmacLength > maxHMAC {
		return terms{}, fmt.Errorf("%w: HMAC with %d bytes", rtmfp.ErrKeying, far.hmacLength)
	}
	t.receiveHMAC = int(far.hmacLength)
	return t, nil
}
