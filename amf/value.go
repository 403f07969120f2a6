package amf

// Value is any ActionScript value that AMF can carry; the package comment
// lists the Go types. Encoders also take int, int32, int64, uint32 and uint64,
// which they write as numbers.
type Value = any

// UndefinedType is the type of [Undefined].
type UndefinedType struct{}

// Undefined is the ActionScript value undefined (AMF0 2.8, AMF3 3.2).
var Undefined UndefinedType

// UnsupportedType is the type of [Unsupported].
type UnsupportedType struct{}

// Unsupported stands in a message for something that its sender could not
// serialize (AMF0 2.15). AMF3 has no such marker and carries it as undefined.
var Unsupported UnsupportedType

// Date is a point in time (AMF0 2.13, AMF3 3.10).
type Date struct {
	// Milliseconds counts from the start of 1970 in UTC. It is kept as it was
	// sent: fractions, infinities and NaN, an invalid date, included.
	Milliseconds float64
	// Zone is the reserved time zone field of AMF0, in minutes. AMF3 has none.
	Zone int16
}

// XML is an XML document in its textual form (AMF0 2.17, AMF3 3.9 and 3.13).
type XML struct {
	// Text is the document as it was sent.
	Text string
	// Document tells flash.xml.XMLDocument, the only kind in AMF0, from the
	// newer XML of AMF3.
	Document bool
}

// ByteArray is a flash.utils.ByteArray (AMF3 3.14); AMF0 has none.
type ByteArray struct {
	// Bytes is the content; a decoder never aliases its input here.
	Bytes []byte
}

// VectorInt is a Vector.<int> (AMF3 3.15); AMF0 has none.
type VectorInt struct {
	// Items are the elements in order.
	Items []int32
	// Fixed says that the vector cannot change its length.
	Fixed bool
}

// VectorUint is a Vector.<uint> (AMF3 3.15); AMF0 has none.
type VectorUint struct {
	// Items are the elements in order.
	Items []uint32
	// Fixed says that the vector cannot change its length.
	Fixed bool
}

// VectorDouble is a Vector.<Number> (AMF3 3.15); AMF0 has none.
type VectorDouble struct {
	// Items are the elements in order.
	Items []float64
	// Fixed says that the vector cannot change its length.
	Fixed bool
}

// VectorObject is a Vector of any other type (AMF3 3.15); AMF0 has none.
type VectorObject struct {
	// Class names the element type; "*" is any type.
	Class string
	// Items are the elements in order.
	Items []Value
	// Fixed says that the vector cannot change its length.
	Fixed bool
}

// Dictionary is a flash.utils.Dictionary, a map whose keys may be any value
// (AMF3 3.16); AMF0 has none.
type Dictionary struct {
	// Entries are the pairs in the order in which they were sent.
	Entries []Entry
	// Weak says that keys do not keep their objects alive.
	Weak bool
}

// Entry is one pair of a [Dictionary].
type Entry struct {
	// Key may be any value; AMF sends integer keys as strings.
	Key Value
	// Value is what the key leads to.
	Value Value
}

// Object is an ActionScript object with properties in the order in which they
// were set (AMF0 2.5 and 2.18, AMF3 3.12). The zero Object is empty and ready
// to use.
type Object struct {
	// Class is the registered alias of a typed object; "" is anonymous.
	Class string
	// Dynamic says that properties may be added beyond those of the class.
	// AMF3 writes all properties of an object that is not dynamic as sealed
	// members. AMF0 does not know the difference and decodes to true.
	Dynamic bool
	// Sealed names the members that the class declares, in their order. The
	// slice is shared by objects of one message and must not be modified.
	Sealed []string
	// Externalizable, when it is not nil, is the whole content of an object
	// that serializes itself; the codec of its class in the [Registry] made
	// it (AMF3 3.12).
	Externalizable any

	Properties
}

// NewObject returns an anonymous dynamic object with the given properties.
func NewObject(pairs ...Property) *Object {
	o := &Object{Dynamic: true}
	o.grow(len(pairs))
	for _, p := range pairs {
		o.Set(p.Name, p.Value)
	}
	return o
}

// Get returns the value of a property, and whether there is one. A nil Object
// has none.
func (o *Object) Get(name string) (Value, bool) {
	if o == nil {
		return nil, false
	}
	return o.Properties.Get(name)
}

// Len returns the number of properties; a nil Object has none.
func (o *Object) Len() int {
	if o == nil {
		return 0
	}
	return o.Properties.Len()
}

// String returns the value of a property that is a string, otherwise "", also
// for a nil Object.
func (o *Object) String(name string) string {
	if o == nil {
		return ""
	}
	return o.Properties.String(name)
}

// Number returns the value of a property that is a number, otherwise 0, also
// for a nil Object.
func (o *Object) Number(name string) float64 {
	if o == nil {
		return 0
	}
	return o.Properties.Number(name)
}

// Bool returns the value of a property that is a boolean, otherwise false,
// also for a nil Object.
func (o *Object) Bool(name string) bool {
	if o == nil {
		return false
	}
	return o.Properties.Bool(name)
}

// Array is an ActionScript array: elements by ordinal, and elements by name
// (AMF0 2.10 and 2.12, AMF3 3.11).
type Array struct {
	// Dense holds the elements 0, 1, 2, … without a gap. When an AMF0 ECMA
	// array begins with the keys "0", "1", …, those become its dense part.
	Dense []Value
	// ECMA asks AMF0 for the ECMA array form, and says that this is how the
	// array was read. An array with named elements is always written so.
	ECMA bool

	// Properties is the associative part.
	Properties
}

// NewArray returns a strict array with the given elements.
func NewArray(dense ...Value) *Array {
	return &Array{Dense: dense}
}

// NewECMAArray returns an ECMA array with the given named elements, the form
// of onMetaData.
func NewECMAArray(pairs ...Property) *Array {
	a := &Array{ECMA: true}
	a.grow(len(pairs))
	for _, p := range pairs {
		a.Set(p.Name, p.Value)
	}
	return a
}

// number returns v as a float64 if it is of one of the numeric types that
// encoders take.
func number(v Value) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int:
		return float64(n), true
	case int32:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint32:
		return float64(n), true
	case uint64:
		return float64(n), true
	}
	return 0, false
}
