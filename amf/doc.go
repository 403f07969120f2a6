// Package amf reads and writes ActionScript values in both of their wire
// formats, AMF0 and AMF3, with one value model for the two.
//
// A [Value] is nil, [Undefined], [Unsupported], a bool, a float64, a string, a
// [Date], or a pointer to an [Object], [Array], [XML], [ByteArray],
// [VectorInt], [VectorUint], [VectorDouble], [VectorObject] or [Dictionary].
// Pointers carry identity: a value that occurs twice in a message comes back
// as one pointer, so graphs may contain cycles.
//
// Decoding never trusts a length or a count that the sender did not pay for in
// bytes, and [Limits] bounds depth, elements and bytes.
//
//	body, err := amf.Append0(nil, "connect", 1, amf.NewObject(
//		amf.Property{Name: "app", Value: "live"},
//	))
//	values, err := amf.Decode0(body, nil)
package amf
