package rtmp

// maxVectors is how many separate pieces one write may have. Prepared chunks that lie side by side in memory count
// as one piece.
const maxVectors = 64

// Gather collects chunks that are written together.
type Gather struct {
	bufs   [][]byte
	size   int
	budget int
	vecs   vectors
}

// Full says that no more should be added before a write.
func (g *Gather) Full() bool { return g.size >= g.budget || len(g.bufs) >= maxVectors }

// Add appends chunks, which must not change until they are written. What continues the memory of the piece before
// is joined to it.
func (g *Gather) Add(b []byte) {
	if len(b) == 0 {
		return
	}
	g.size += len(b)
	if n := len(g.bufs); n > 0 {
		last := g.bufs[n-1]
		if cap(last)-len(last) >= len(b) && &last[:len(last)+1][len(last)] == &b[0] {
			g.bufs[n-1] = last[:len(last)+len(b)]
			return
		}
	}
	g.bufs = append(g.bufs, b)
}

// Room is how many bytes the write still wants; what is added at a time may exceed it.
func (g *Gather) Room() int { return max(0, g.budget-g.size) }

// Size is the number of bytes collected.
func (g *Gather) Size() int { return g.size }

func (g *Gather) reset(budget int) {
	clear(g.bufs)
	g.bufs, g.size, g.budget = g.bufs[:0], 0, budget
}

// consume drops n written bytes from the front.
func (g *Gather) consume(n int) {
	g.size -= n
	for n > 0 {
		if n < len(g.bufs[0]) {
			g.bufs[0] = g.bufs[0][n:]
			return
		}
		n -= len(g.bufs[0])
		g.bufs = g.bufs[1:]
	}
}

// Source has media for a connection. Pull adds chunks to g until g is full or nothing is left, and never blocks. It
// is called by one goroutine at a time, with the connection's output locked: it must not write to the connection.
type Source interface {
	Pull(g *Gather)
}
