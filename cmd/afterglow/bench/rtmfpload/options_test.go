package rtmfpload

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, c := range []struct {
		check func(t *testing.T, flags ...string) error
		flags string
		want  string
	}{
		{checkOf[*BurstOptions], "", ""},
		{checkOf[*BulkOptions], "", ""},
		{checkOf[*HandshakeOptions], "", ""},
		{checkOf[*IdleOptions], "", ""},
		{checkOf[*FloodOptions], "--only=random,keying", ""},
		{checkOf[*FloorOptions], "", ""},
		{checkOf[*BurstOptions], "--procs=3", "--procs"},
		{checkOf[*BurstOptions], "--sockets=0", "--sockets"},
		{checkOf[*BurstOptions], "--rounds=0", "--rounds"},
		{checkOf[*BurstOptions], "--server-cpu=100000", "no core 100000"},
		{checkOf[*BurstOptions], "--sessions=0", "--sessions"},
		{checkOf[*BurstOptions], "--burst=65", "--burst"},
		{checkOf[*BurstOptions], "--every=-1ms", "--every"},
		{checkOf[*BurstOptions], "--every=1ms --duration=0s", "--duration"},
		{checkOf[*BurstOptions], "--gigabits=0", "--gigabits"},
		{checkOf[*BurstOptions], "--gigabits=NaN", "--gigabits"},
		{checkOf[*BurstOptions], "--flight=0", "--flight"},
		{checkOf[*BulkOptions], "--message=0", "--message"},
		{checkOf[*BulkOptions], "--message=16777217", "--message"},
		{checkOf[*HandshakeOptions], "--groups=3", "no group 3"},
		{checkOf[*HandshakeOptions], "--parallel=0", "--parallel"},
		{checkOf[*IdleOptions], "--sessions=60001", "--sessions"},
		{checkOf[*IdleOptions], "--duration=0s", "--duration"},
		{checkOf[*FloodOptions], "--only=tickling", "no such attack"},
		{checkOf[*FloodOptions], "--ports=0", "--ports"},
		{checkOf[*FloorOptions], "--gigabits=-1", "--gigabits"},
	} {
		err := c.check(t, strings.Fields(c.flags)...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: error %v, want one with %q", c.flags, err, c.want)
		}
	}
}

// checkOf parses flags behind those that any machine can do, and checks them.
func checkOf[O interface {
	*T
	check() error
	common() *Common
}, T any](t *testing.T, flags ...string) error {
	t.Helper()
	o := O(new(T))
	parser, err := kong.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(append([]string{"--server-cpu=-1", "--client-cpu=-1"}, flags...)); err != nil {
		t.Fatal(err)
	}
	o.common().Spawn = func() *exec.Cmd { return nil }
	return o.check()
}

func (c *Common) common() *Common { return c }
