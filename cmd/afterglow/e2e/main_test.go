package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What a run of the tests makes once.
var (
	runDir  string // gone when the tests end
	program string // the afterglow program
)

// waiting is how many tests run side by side: nearly all that they do is to wait for real time to pass.
const waiting = "8"

func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", waiting)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if runDir, err = os.MkdirTemp("", "afterglow-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(runDir)
	program = filepath.Join(runDir, "afterglow")
	build := exec.Command("go", append(append([]string{"build"}, buildFlags...), "-o", program, "afterglow/cmd/afterglow")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building afterglow: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
