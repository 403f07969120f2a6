package rtmp

import (
	"fmt"
	"io"
	"testing"
)

// mediaOf is some 64 KB of video and audio messages as they come from an encoder.
func mediaOf(chunkSize int) (data []byte, count int) {
	for size := 0; size < 64<<10; count++ {
		m := Message{Type: TypeVideo, Timestamp: uint32(40 * count), StreamID: 1, Payload: filled(8000)}
		if count%2 == 1 {
			m = Message{Type: TypeAudio, Timestamp: uint32(40 * count), StreamID: 1, Payload: filled(350)}
		}
		data = AppendChunks(data, &m, ChunkStreamFor(m.Type), chunkSize)
		size += len(m.Payload)
	}
	return data, count
}

func BenchmarkReadMessage(b *testing.B) {
	for _, size := range []int{128, 4096} {
		b.Run(fmt.Sprintf("chunk=%d", size), func(b *testing.B) {
			data, count := mediaOf(size)
			head := AppendChunks(nil, ptr(SetChunkSize(size)), ChunkStreamControl, DefaultChunkSize)
			src := &repeat{data: head}
			c := newConn(&scriptConn{Reader: src}, Limits{}, 0)
			defer c.Close()
			_ = c.chunks.setChunkSize(SetChunkSize(size).Payload)
			*src = repeat{data: data}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				for range count {
					if _, err := c.ReadMessage(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkAppendChunks(b *testing.B) {
	for _, size := range []int{128, 4096, 65536} {
		b.Run(fmt.Sprintf("chunk=%d", size), func(b *testing.B) {
			m := Message{Type: TypeVideo, StreamID: 1, Payload: filled(8000)}
			dst := make([]byte, 0, ChunkedSize(len(m.Payload), size))
			b.SetBytes(int64(len(m.Payload)))
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendChunks(dst[:0], &m, ChunkStreamVideo, size)
			}
		})
	}
}

// BenchmarkFlush sends prepared frames over a loopback connection: adjacent ones, as the batches that viewers share, and
// scattered ones.
func BenchmarkFlush(b *testing.B) {
	batch := make([]byte, 16<<10)
	for _, bench := range []struct {
		name   string
		pieces int
		gap    int
	}{{"adjacent", 16, 0}, {"scattered", 16, 1}} {
		b.Run(bench.name, func(b *testing.B) {
			near, far := tcpPair(b)
			c := newConn(near, Limits{}, 0)
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = io.Copy(io.Discard, far)
			}()
			s := new(burst)
			n := len(batch) / bench.pieces
			for i := range bench.pieces {
				s.pieces = append(s.pieces, batch[i*n:(i+1)*n-bench.gap])
			}
			c.SetSource(s)
			g := new(Gather)
			b.SetBytes(int64(len(batch)))
			b.ReportAllocs()
			for b.Loop() {
				s.arm(c)
				for s.armed(c) {
					c.Flush(g)
				}
			}
			c.Close()
			<-done
		})
	}
}
