package overrtmfp_test

import (
	"testing"

	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp/overrtmfptest"
	"afterglow/netconn/overrtmp/overrtmptest"
)

// The whole suite with publishers on one transport and viewers on the other, of one application.

func TestFromRTMPInMemory(t *testing.T) {
	netconntest.Run(t, across{publish: overrtmptest.Memory{}, play: memory{}})
}

func TestFromRTMPOverLoopback(t *testing.T) {
	t.Parallel()
	netconntest.Run(t, across{publish: overrtmptest.Loopback{}, play: overrtmfptest.Loopback{}})
}

func TestToRTMPInMemory(t *testing.T) {
	netconntest.Run(t, across{publish: memory{}, play: overrtmptest.Memory{}})
}

func TestToRTMPOverLoopback(t *testing.T) {
	t.Parallel()
	netconntest.Run(t, across{publish: overrtmfptest.Loopback{}, play: overrtmptest.Loopback{}})
}

// across has a server for publishers and another for everybody else, which ask the same handler.
type across struct{ publish, play netconntest.Harness }

func (a across) Virtual() bool { return a.publish.Virtual() && a.play.Virtual() }

func (a across) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
	return crossing{a.play.Serve(t, h, o), a.publish.Serve(t, h, o)}
}

// crossing is the server of everybody else.
type crossing struct {
	netconntest.Server
	publishers netconntest.Server
}

func (c crossing) Publishers() netconntest.Server { return c.publishers }

// Manner is the viewers', without an order among lanes if the publishers have none.
func (c crossing) Manner() netconntest.Manner {
	m := c.Server.Manner()
	m.Lanes = m.Lanes || c.publishers.Manner().Lanes
	return m
}
