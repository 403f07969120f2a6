package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// leakChecked runs the tests and looks for goroutines that they left behind.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestMain makes the command available to scripts and child processes under its own name.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"afterglow": main})
}

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true})
}

// TestHelpOfEachCommandHasAnExample also covers commands that are added later.
func TestHelpOfEachCommandHasAnExample(t *testing.T) {
	commands := [][]string{{}}
	var walk func(n *kong.Node, path []string)
	walk = func(n *kong.Node, path []string) {
		for _, child := range n.Children {
			at := append(path[:len(path):len(path)], child.Name)
			if child.Type != kong.CommandNode || child.Hidden {
				continue
			}
			if n.DefaultCmd != child { // that one is called by its parent's name
				commands = append(commands, at)
			}
			walk(child, at)
		}
	}
	walk(newParser(new(cli)).Model.Node, nil)
	if len(commands) < 6 {
		t.Fatalf("only %d commands found", len(commands))
	}
	for _, command := range commands {
		var out bytes.Buffer
		k := newParser(new(cli), kong.Writers(&out, &out), kong.Exit(func(int) { panic("exit") }))
		func() {
			defer func() { _ = recover() }()
			_, _ = k.Parse(append(command, "--help"))
		}()
		example := "afterglow " + strings.Join(command, " ")
		_, details, _ := strings.Cut(out.String(), "\n") // the first line is the usage
		if !strings.Contains(details, strings.TrimSpace(example)) {
			t.Errorf("%v --help shows no example:\n%s", command, out.String())
		}
	}
}
