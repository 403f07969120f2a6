package overrtmp_test

import (
	"testing"

	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmp/overrtmptest"
)

func TestSuiteForClientsThatAreHandedOver(t *testing.T) {
	netconntest.Run(t, overrtmptest.Relayed{})
}
