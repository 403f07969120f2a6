package amf

// mapFrom is the number of entries above which a map finds them.
const mapFrom = 12

// refTable gives keys indexes in the order in which they come.
type refTable[K comparable] struct {
	list  []K
	index map[K]int
}

// find returns the index of a key that was added.
func (t *refTable[K]) find(k K) (int, bool) {
	if t.index != nil {
		i, ok := t.index[k]
		return i, ok
	}
	for i := range t.list {
		if t.list[i] == k {
			return i, true
		}
	}
	return 0, false
}

// add gives a key the next index.
func (t *refTable[K]) add(k K) {
	t.list = append(t.list, k)
	if t.index != nil {
		t.index[k] = len(t.list) - 1
		return
	}
	if len(t.list) <= mapFrom {
		return
	}
	t.index = make(map[K]int, 4*mapFrom)
	for i, k := range t.list {
		t.index[k] = i
	}
}

// skip uses up an index for something that is never looked for.
func (t *refTable[K]) skip() {
	var none K
	t.list = append(t.list, none)
}

func (t *refTable[K]) reset() {
	t.list = t.list[:0]
	t.index = nil
}
