// Package bench is the load generator: publishers and any number of players in one cheap process, against any server of RTMP or
// RTMFP, or of both at once.
//
// Players are states of an epoll loop, not goroutines: they read into one shared buffer and walk chunk headers
// without keeping payloads. Publishers send made-up or filed media in real time, and every frame carries a [Stamp]
// from which players tell latency, gaps and repetitions.
//
// Players over RTMFP are sessions, each with a certificate of its own, many of which share a socket and a goroutine. Towards a
// server on this machine each has nevertheless an address of its own, as clients have; some servers demand it. Frames are only
// reassembled, by the library, and looked at where they lie.
//
// While they play, the processor time and memory of the server's process are read.
//
//	report, err := bench.Run(ctx, bench.Options{URL: []string{"rtmp://127.0.0.1/live"}, Players: 500, ...}, os.Stderr)
//	report.WriteTable(os.Stdout)
//
// [Floor] sends the same bytes without a protocol, so that every figure has a ratio.
package bench
