// Package flv reads and writes FLV files (FLV 10.1 Annex E, Enhanced RTMP v2).
//
// A [Reader] takes a file from any io.Reader, a pipe too, and yields its tags as
// media packets. It survives damage: a missing header, wrong back-pointers, garbage between tags,
// a wrong size, a truncated end. What it could not use is counted in [Stats].
// A [Writer] writes packets to any io.Writer, one Write call a packet.
//
//	r := flv.NewReader(file, nil)
//	for p, err := range r.All() {
//		if err != nil {
//			return err
//		}
//		play(p)
//	}
//
// Neither may be used from two goroutines at the same time.
package flv
