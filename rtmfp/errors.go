package rtmfp

import (
	"errors"
	"fmt"
)

// What a session or a call ends with.
var (
	// ErrClosed says that we closed the session, or the endpoint.
	ErrClosed = errors.New("rtmfp: session closed")

	// ErrClosedByPeer says that the far end closed the session.
	ErrClosedByPeer = errors.New("rtmfp: session closed by the far end")

	// ErrTimeout says that the far end did not answer in time: at opening nobody did, later it has fallen silent.
	ErrTimeout = errors.New("rtmfp: no answer from the far end")

	// ErrReplaced says that the same far end has opened a newer session from the same address (RFC 7016 3.5.1.1.2).
	ErrReplaced = errors.New("rtmfp: session replaced by a newer one of the same peer")

	// ErrAbuse says that the far end broke a limit in packets that were verified.
	ErrAbuse = errors.New("rtmfp: far end broke a limit")

	// ErrNoIdentity says that no identity of that name is there.
	ErrNoIdentity = errors.New("rtmfp: no such identity")

	// ErrIdentityExists says that an identity of that name is there already.
	ErrIdentityExists = errors.New("rtmfp: identity exists")

	// ErrTooManySessions says that Limits.Sessions is reached.
	ErrTooManySessions = errors.New("rtmfp: too many sessions")

	// ErrNoAddress says that there is no address to send to, or none that an interface here can reach.
	ErrNoAddress = errors.New("rtmfp: no address to send to")

	// ErrFlowClosed says that the sending flow takes no more messages.
	ErrFlowClosed = errors.New("rtmfp: flow closed")

	// ErrQueueFull says that Limits.SendQueue is reached: wait for acknowledgements.
	ErrQueueFull = errors.New("rtmfp: send queue full")

	// ErrMessageTooLong says that a message exceeds Limits.Message.
	ErrMessageTooLong = errors.New("rtmfp: message too long")

	// ErrMetadataTooLong says that metadata exceeds Limits.Metadata.
	ErrMetadataTooLong = errors.New("rtmfp: metadata too long")
)

// DuplicateError says that a dialled session was given up because one to the same far end exists (RFC 7016 3.5.1.1.1).
type DuplicateError struct {
	// Session is the one that exists; it may still be opening.
	Session *Session
}

func (e *DuplicateError) Error() string { return "rtmfp: a session to this peer exists" }

// UnreachableError says that a server knew whom we sought and told where, and that nobody answered there: most often because of two
// NATs of which neither lets the other's packets in. It is an ErrTimeout.
type UnreachableError struct {
	// Tried is the number of addresses that were tried, the server's included.
	Tried int
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%v: redirected, and none of %d addresses answered; the NATs between may not let this pair through", ErrTimeout, e.Tried)
}

// Unwrap gives ErrTimeout.
func (e *UnreachableError) Unwrap() error { return ErrTimeout }

// ExceptionError says that the far end has rejected a flow with an exception code (RFC 7016 2.3.16).
type ExceptionError struct {
	// Code is 0 where the far end's RTMFP has rejected the flow itself; others are the application's.
	Code uint64
}

func (e *ExceptionError) Error() string {
	return fmt.Sprintf("rtmfp: flow rejected by the far end with exception %d", e.Code)
}
