// Package e2e has the end-to-end tests: the afterglow program, built once for each run, against real publishers and
// players.
//
// A test starts a server of its own on a free port, starts players, waits until the server has seen them, publishes,
// waits for everybody to end, and compares what arrived with what was published, frame for frame:
//
//	s := serve(t)
//	got := start(t, "ffmpeg", "-i", s.url("film"), "-c", "copy", "-f", "flv", file)
//	s.awaitPlayers(t, "film", 1)
//	publish.with(t, s.url("film"), sample(t, "av"))
//	got.wait(t)
//	sameFrames(t, framesOf(readFLV(t, sample(t, "av"))), framesOf(readFLV(t, file)))
//
// Shared objects have tests of their own: clients of theirs and of ours, and a server that is killed again and again.
//
// A program that is not installed skips its test, or fails it where CI=true. AFTERGLOW_SOAK=1 makes the load larger and
// longer.
package e2e
