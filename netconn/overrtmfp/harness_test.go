package overrtmfp_test

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp"
	"afterglow/netconn/overrtmfp/overrtmfptest"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestInMemory(t *testing.T) { netconntest.Run(t, memory{}) }

func TestOverLoopback(t *testing.T) {
	t.Parallel() // most of its time it waits for acknowledgements
	netconntest.Run(t, overrtmfptest.Loopback{})
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// memory connects over a simulated network.
type memory struct {
	conditions simnet.Conditions // of each client's access
	config     overrtmfp.Config  // NetConn and Limits.QueueTime are the options'
}

func (memory) Virtual() bool { return true }

func (m memory) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
	return m.serve(t, h, o)
}

func (m memory) serve(t *testing.T, h netconn.Handler, o netconntest.Options) *server {
	s := overrtmfptest.Memory{Conditions: m.conditions, Config: m.config}.Start(t, h, o)
	return &server{Server: s, front: s.Front, endpoint: s.Endpoint}
}

// server is a running server of the harness.
type server struct {
	*overrtmfptest.Server
	front    *overrtmfp.Server
	endpoint *rtmfp.Endpoint
}

func identity(t *testing.T, server bool) *flash.Identity {
	t.Helper()
	return overrtmfptest.Identity(t, server)
}

func metadataOf(streamID uint32) []byte { return overrtmfptest.Metadata(streamID) }

// rawClient is a client that is made of nothing but RTMFP.
type rawClient struct {
	*overrtmfptest.Wire
	session  *rtmfp.Session
	flows    map[uint32]*rtmfp.SendFlow
	brings   map[*rtmfp.ReceiveFlow][]uint8
	blackout func(time.Duration)
}

func (s *server) raw(t *testing.T) *rawClient {
	t.Helper()
	w := s.Raw(t)
	return &rawClient{Wire: w, session: w.Session, flows: w.Flows, brings: w.Brings, blackout: w.Blackout}
}

func (w *rawClient) do(f func()) { w.Do(f) }
