package amf

import (
	"iter"
	"slices"
)

// indexFrom is the number of properties above which a map finds them.
const indexFrom = 16

// Property is a named value.
type Property struct {
	// Name is the key; it need not be valid UTF-8.
	Name string
	// Value is what the key leads to.
	Value Value
}

// deleted takes the place of a removed property until the list is compacted,
// so that removing many of many does not move the rest each time.
type deleted struct{}

// Properties is an ordered map from names to values. Its zero value is empty
// and ready to use. It is not safe for concurrent change; concurrent reading
// is fine.
type Properties struct {
	list  []Property
	index map[string]int
	dead  int
}

// Get returns the value of a property, and whether there is one.
func (p *Properties) Get(name string) (Value, bool) {
	if i := p.find(name); i >= 0 {
		return p.list[i].Value, true
	}
	return nil, false
}

// Set gives a property a value. A new property goes to the end; one that
// exists keeps its place.
func (p *Properties) Set(name string, v Value) {
	if i := p.find(name); i >= 0 {
		p.list[i].Value = v
		return
	}
	p.list = append(p.list, Property{name, v})
	switch {
	case p.index != nil:
		p.index[name] = len(p.list) - 1
	case len(p.list) > indexFrom:
		p.reindex()
	}
}

// Delete removes a property if there is one.
func (p *Properties) Delete(name string) {
	i := p.find(name)
	if i < 0 {
		return
	}
	p.list[i] = Property{Value: deleted{}}
	p.dead++
	delete(p.index, name)
	if p.dead*2 > len(p.list) {
		p.compact()
	}
}

// Len returns the number of properties.
func (p *Properties) Len() int {
	return len(p.list) - p.dead
}

// All iterates over the properties in order. Setting and deleting on the way
// is safe; the iteration may or may not show what was set.
func (p *Properties) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for _, e := range p.list {
			if _, gone := e.Value.(deleted); gone {
				continue
			}
			if !yield(e.Name, e.Value) {
				return
			}
		}
	}
}

// String returns the value of a property that is a string, otherwise "".
func (p *Properties) String(name string) string {
	v, _ := p.Get(name)
	s, _ := v.(string)
	return s
}

// Number returns the value of a property that is a number, otherwise 0.
func (p *Properties) Number(name string) float64 {
	v, _ := p.Get(name)
	n, _ := number(v)
	return n
}

// Bool returns the value of a property that is a boolean, otherwise false.
func (p *Properties) Bool(name string) bool {
	v, _ := p.Get(name)
	b, _ := v.(bool)
	return b
}

func (p *Properties) grow(n int) {
	p.list = slices.Grow(p.list, n)
}

func (p *Properties) find(name string) int {
	if p.index != nil {
		if i, ok := p.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range p.list {
		if p.list[i].Name != name {
			continue
		}
		// Only the empty name can meet a removed entry.
		if _, gone := p.list[i].Value.(deleted); !gone {
			return i
		}
	}
	return -1
}

// entries returns the properties in order; the slice is not to be changed.
func (p *Properties) entries() []Property {
	if p.dead == 0 {
		return p.list
	}
	live := make([]Property, 0, p.Len())
	for name, v := range p.All() {
		live = append(live, Property{name, v})
	}
	return live
}

// compact moves to a new list, since someone may iterate over the old one.
func (p *Properties) compact() {
	p.list = p.entries()
	p.dead = 0
	p.index = nil
	if len(p.list) > indexFrom {
		p.reindex()
	}
}

func (p *Properties) reindex() {
	p.index = make(map[string]int, 2*len(p.list))
	for i, e := range p.list {
		if _, gone := e.Value.(deleted); !gone {
			p.index[e.Name] = i
		}
	}
}
