package rtmfp

// ring is a queue whose entries are reached by their place in it. Its memory is a power of two and is given back when the
// queue runs empty after having been long.
type ring[T any] struct {
	items []T
	head  int
	size  int
}

// ringKept is the number of places that an empty ring keeps.
const ringKept = 64

func (r *ring[T]) len() int { return r.size }

// at gives the entry i places behind the front; it is valid until the next push.
func (r *ring[T]) at(i int) *T { return &r.items[(r.head+i)&(len(r.items)-1)] }

func (r *ring[T]) push(item T) *T {
	if r.size == len(r.items) {
		r.grow()
	}
	r.size++
	p := r.at(r.size - 1)
	*p = item
	return p
}

func (r *ring[T]) grow() {
	items := make([]T, max(4, 2*len(r.items)))
	n := copy(items, r.items[r.head:])
	copy(items[n:], r.items[:r.head])
	r.items, r.head = items, 0
}

func (r *ring[T]) pop() {
	var zero T
	r.items[r.head] = zero
	r.head = (r.head + 1) & (len(r.items) - 1)
	r.size--
	if r.size == 0 && len(r.items) > ringKept {
		r.items, r.head = nil, 0
	}
}
