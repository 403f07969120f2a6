package overrtmfp_test

import (
	"testing"

	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmp/overrtmptest"
)

func TestSuiteForClientsThatAreHandedOver(t *testing.T) {
	netconntest.Run(t, handedOver{})
}

// handedOver has a server that hands its clients over to another one, which speaks RTMP.
type handedOver struct{ memory }

func (handedOver) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
	return memory{}.Serve(t, overrtmptest.HandOver(t, h, o), o)
}
