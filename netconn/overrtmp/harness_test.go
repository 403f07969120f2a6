package overrtmp_test

import (
	"testing"

	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmp/overrtmptest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestInMemory(t *testing.T) { netconntest.Run(t, memory{}) }

func TestOverLoopback(t *testing.T) { netconntest.Run(t, loopback{}) }

type (
	memory   = overrtmptest.Memory
	loopback = overrtmptest.Loopback
	server   = overrtmptest.Server
)
