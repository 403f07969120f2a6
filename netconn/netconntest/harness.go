package netconntest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/netconn"
)

// Harness makes servers and clients of one transport.
type Harness interface {
	// Serve starts a server that asks h, and ends it with the test.
	Serve(t *testing.T, h netconn.Handler, o Options) Server
	// Virtual says that the transport is in memory, so that a test of it can run in virtual time.
	Virtual() bool
}

// Options are what a case wants of a server. Zero fields are the transport's defaults.
type Options struct {
	NetConn      netconn.Config
	ChunkSize    int // of transports that have chunks, bytes
	IdleTime     time.Duration
	PingTimeout  time.Duration
	WriteTimeout time.Duration
}

// Manner is what a test can see of a transport beside the messages that a case is about.
type Manner struct {
	// Lanes says that the order of messages holds for each lane alone: a stream's commands and data, its audio, and its video,
	// each on the way from publishers to viewers, too. Else all messages of a connection keep their order.
	Lanes bool
	// Before and After are the lines with which the server accompanies its answer to connect.
	Before, After []string
	// Rejects says that a message on a stream that does not exist is turned away by the transport, without a word of the
	// connection's, which goes on.
	Rejects bool
}

// Server is a running server of a Harness.
type Server interface {
	// Manner tells what to expect of the transport.
	Manner() Manner
	// Dial connects a client, which ends with the test.
	Dial(t *testing.T, o netconn.ConnectOptions, e netconn.ClientEvents) (*netconn.Client, error)
	// Open opens a connection and sends nothing on it.
	Open(t *testing.T) Wire
	// Tell sends every client a status and ends its connection.
	Tell(netconn.Status)
	// Dead returns how many connections have ended because the client did not answer a ping, Slow how many because
	// the client took nothing.
	Dead() uint64
	Slow() uint64
}

// Wire is a connection as messages.
type Wire interface {
	// Send queues a message and does not wait.
	Send(netconn.Message) error
	// Receive waits for a message. Requests that the transport answers by itself, such as pings, are answered only
	// while Receive waits.
	Receive() (netconn.Message, error)
	// Settle waits until everything that the server has sent before what was received last is here, and returns what Receive
	// would have. There is nothing to do where messages cannot overtake each other.
	Settle() ([]netconn.Message, error)
	// Cut ends the connection without a word of this protocol.
	Cut()
	// Freeze has the client neither hear nor say anything from now on, as if its machine were off. Where it hears only
	// within Receive there is nothing to do.
	Freeze()
}

// Crossing is a Server whose publishers connect to another one, which serves the same handler by another transport.
type Crossing interface {
	Server
	Publishers() Server
}

// Publishers is the server to which publishers connect.
func Publishers(s Server) Server {
	if c, ok := s.(Crossing); ok {
		return c.Publishers()
	}
	return s
}

// patience is when a test that waits for something gives up. It decides over no outcome but that of a test that fails.
const patience = 20 * time.Second

// Run runs the whole suite.
func Run(t *testing.T, h Harness) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { Isolate(t, h, c.virtual, c.run) })
	}
}

// Isolate runs one test in virtual time where the harness has it. Others are skipped if they need it.
func Isolate(t *testing.T, h Harness, virtual bool, run func(*testing.T, Harness)) {
	if h.Virtual() {
		synctest.Test(t, func(t *testing.T) { run(t, h) })
		return
	}
	if virtual {
		t.Skip("needs virtual time")
	}
	run(t, h)
}

type testCase struct {
	name    string
	virtual bool
	run     func(*testing.T, Harness)
}

var cases []testCase

// add and addVirtual put a case into the suite; the latter is for cases in which time passes.
func add(name string, run func(*testing.T, Harness)) {
	cases = append(cases, testCase{name, false, run})
}

func addVirtual(name string, run func(*testing.T, Harness)) {
	cases = append(cases, testCase{name, true, run})
}

// soon is a context that ends when a test has waited for too long.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// Await takes a value from a channel, or fails the test.
func Await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}
