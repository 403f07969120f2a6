// Package bench is the load generator: publishers and any number of players in one cheap process, against any RTMP
// server.
//
// Players are states of an epoll loop, not goroutines: they read into one shared buffer and walk chunk headers
// without keeping payloads. Publishers send made-up or filed media in real time, and every frame carries a [Stamp]
// from which players tell latency, gaps and repetitions. While they play, the processor time and memory of the
// server's process are read.
//
//	report, err := bench.Run(ctx, bench.Options{URL: "rtmp://127.0.0.1/live", Players: 500, ...}, os.Stderr)
//	report.WriteTable(os.Stdout)
//
// [Floor] sends the same bytes without a protocol, so that every figure has a ratio.
package bench
