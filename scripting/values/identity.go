package values

// identity remembers which value was made of which, for one message. Most messages have few objects, so a list does for
// the first of them.
type identity[K comparable, V any] struct {
	list  []pair[K, V]
	index map[K]V
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

// listed is how many pairs are found without a map.
const listed = 12

func (d *identity[K, V]) get(key K) (V, bool) {
	if d.index != nil {
		v, ok := d.index[key]
		return v, ok
	}
	for i := range d.list {
		if d.list[i].key == key {
			return d.list[i].value, true
		}
	}
	var none V
	return none, false
}

func (d *identity[K, V]) set(key K, value V) {
	if d.index != nil {
		d.index[key] = value
		return
	}
	for i := range d.list {
		if d.list[i].key == key {
			d.list[i].value = value
			return
		}
	}
	if len(d.list) < listed {
		d.list = append(d.list, pair[K, V]{key, value})
		return
	}
	d.index = make(map[K]V, 4*listed)
	for _, p := range d.list {
		d.index[p.key] = p.value
	}
	d.index[key], d.list = value, nil
}
