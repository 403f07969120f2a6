package amf

import (
	"bytes"
	"math"
	"reflect"
	"slices"
)

// Equal reports whether two values are alike: of the same type, with equal
// content in the same order. Numbers are compared as float64, and NaN equals
// NaN. What only concerns the encoding does not count: the zone of a date,
// whether members are sealed, the ECMA flag. Graphs are followed through
// cycles and shared parts in time that grows with their size, not with the
// number of paths through them. The content of externalizable objects other
// than [*Wrapped] is compared by [reflect.DeepEqual].
func Equal(a, b Value) bool {
	c := comparison{parent: make(map[Value]Value)}
	if !c.value(a, b) {
		return false
	}
	for len(c.todo) > 0 {
		next := c.todo[len(c.todo)-1]
		c.todo = c.todo[:len(c.todo)-1]
		if !c.content(next[0], next[1]) {
			return false
		}
	}
	return true
}

// comparison keeps the pointers that are assumed to be equal in disjoint sets,
// so that no more pairs are looked into than there are pointers.
type comparison struct {
	parent map[Value]Value
	todo   [][2]Value
}

// value compares two values, and puts off what is behind pointers.
func (c *comparison) value(a, b Value) bool {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && sameNumber(x, y)
	}
	switch x := a.(type) {
	case nil, bool, string, UndefinedType, UnsupportedType:
		return sameType(a, b) && a == b
	case Date:
		y, ok := b.(Date)
		return ok && sameNumber(x.Milliseconds, y.Milliseconds)
	}
	if _, ok := marker3(a); !ok || !sameType(a, b) {
		return false
	}
	if isNilPointer(a) || isNilPointer(b) {
		return a == b
	}
	if c.join(a, b) {
		c.todo = append(c.todo, [2]Value{a, b})
	}
	return true
}

func sameNumber(x, y float64) bool {
	return x == y || math.IsNaN(x) && math.IsNaN(y)
}

func sameType(a, b Value) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b)
}

// join unites the sets of two pointers and reports whether they were apart.
func (c *comparison) join(a, b Value) bool {
	a, b = c.root(a), c.root(b)
	if a == b {
		return false
	}
	c.parent[a] = b
	return true
}

func (c *comparison) root(v Value) Value {
	for {
		up, ok := c.parent[v]
		if !ok {
			return v
		}
		if above, ok := c.parent[up]; ok {
			c.parent[v] = above
		}
		v = up
	}
}

// content compares what is behind two pointers of the same type.
func (c *comparison) content(a, b Value) bool {
	switch a := a.(type) {
	case *Object:
		return c.objects(a, b.(*Object))
	case *Array:
		b := b.(*Array)
		return c.items(a.Dense, b.Dense) && c.properties(&a.Properties, &b.Properties)
	case *XML:
		return *a == *b.(*XML)
	case *ByteArray:
		return bytes.Equal(a.Bytes, b.(*ByteArray).Bytes)
	case *VectorInt:
		b := b.(*VectorInt)
		return a.Fixed == b.Fixed && slices.Equal(a.Items, b.Items)
	case *VectorUint:
		b := b.(*VectorUint)
		return a.Fixed == b.Fixed && slices.Equal(a.Items, b.Items)
	case *VectorDouble:
		b := b.(*VectorDouble)
		return a.Fixed == b.Fixed && slices.EqualFunc(a.Items, b.Items, sameNumber)
	case *VectorObject:
		b := b.(*VectorObject)
		return a.Fixed == b.Fixed && a.Class == b.Class && c.items(a.Items, b.Items)
	case *Dictionary:
		b := b.(*Dictionary)
		return a.Weak == b.Weak && slices.EqualFunc(a.Entries, b.Entries, func(x, y Entry) bool {
			return c.value(x.Key, y.Key) && c.value(x.Value, y.Value)
		})
	}
	return false
}

func (c *comparison) objects(a, b *Object) bool {
	if a.Class != b.Class || !c.properties(&a.Properties, &b.Properties) {
		return false
	}
	x, ok := a.Externalizable.(*Wrapped)
	y, same := b.Externalizable.(*Wrapped)
	if ok && same {
		return x == y || x != nil && y != nil && c.value(x.Value, y.Value)
	}
	return reflect.DeepEqual(a.Externalizable, b.Externalizable)
}

func (c *comparison) items(a, b []Value) bool {
	return slices.EqualFunc(a, b, c.value)
}

func (c *comparison) properties(a, b *Properties) bool {
	return slices.EqualFunc(a.entries(), b.entries(), func(x, y Property) bool {
		return x.Name == y.Name && c.value(x.Value, y.Value)
	})
}
