// Package interop has the tests against bluenviron/gortmplib, a foreign implementation of Enhanced RTMP: codecs and
// tracks that the programs of a Linux distribution do not know yet.
//
// It is a module of its own, so that what gortmplib needs does not become a dependency of Afterglow:
//
//	cd interop && go test ./...
//
// A test publishes with one of the two and compares what the other gets, frame for frame; the server between them is
// the afterglow program, built for the run. docs/interop.md says what was found.
package interop
