package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

// VersionCmd prints what was built.
type VersionCmd struct{}

// Help is shown by afterglow version --help.
func (VersionCmd) Help() string {
	return `Example:
  afterglow version`
}

// Run prints the version, the revision of the sources, and the Go version.
func (VersionCmd) Run() error {
	_, err := fmt.Fprintln(os.Stdout, currentBuild())
	return err
}

// build is what the Go tool wrote into the binary.
type build struct {
	Version  string
	Revision string // of the sources, 12 digits; empty when the build did not see them under version control
	Modified bool   // the sources were not those of the revision
	Go       string
}

const shownRevision = 12

func currentBuild() build {
	b := build{Version: "(devel)", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value[:min(len(s.Value), shownRevision)]
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String returns one line, such as `afterglow v1.2.0 (3f2a1bc09d41, modified) go1.26.8 linux/amd64`.
func (b build) String() string {
	return fmt.Sprintf("afterglow %s%s %s %s/%s", b.Version, b.source(), b.Go, runtime.GOOS, runtime.GOARCH)
}

func (b build) source() string {
	switch {
	case b.Revision == "":
		return ""
	case b.Modified:
		return " (" + b.Revision + ", modified)"
	}
	return " (" + b.Revision + ")"
}
