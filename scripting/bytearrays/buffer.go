package bytearrays

import (
	"encoding/binary"
	"fmt"
)

// MaxLength is how many bytes an array may have: 64 MiB. One that would grow beyond throws Flash's error 1000.
const MaxLength = 64 << 20

// failure is an error as Flash numbers and words it.
type failure struct {
	id   int
	text string
}

// Error returns number and text.
func (f *failure) Error() string { return fmt.Sprintf("Error #%d: %s", f.id, f.text) }

// The errors of ActionScript's class.
func outOfMemory() error { return &failure{1000, "The system is out of memory."} }
func outOfRange() error  { return &failure{2006, "The supplied index is out of bounds."} }
func notAnArray() error  { return &failure{2007, "Parameter bytes must be non-null."} }
func endOfFile() error   { return &failure{2030, "End of file was encountered."} }
func notCompressed() error {
	return &failure{2058, "There was an error decompressing the data."}
}

func notAccepted(parameter string) error {
	return &failure{2008, "Parameter " + parameter + " must be one of the accepted values."}
}

// Object encodings.
const (
	amf0 = 0
	amf3 = 3
)

// buffer is the Go side of a ByteArray. The position may be beyond the end.
type buffer struct {
	data     []byte
	position int
	little   bool
	encoding int
}

func (b *buffer) order() binary.ByteOrder {
	if b.little {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

func (b *buffer) available() int { return max(0, len(b.data)-b.position) }

// take reads n bytes at the position; they alias the array.
func (b *buffer) take(n int) ([]byte, error) {
	if n < 0 || n > b.available() {
		return nil, endOfFile()
	}
	taken := b.data[b.position : b.position+n]
	b.position += n
	return taken, nil
}

// resize sets the length; what is new is zero.
func (b *buffer) resize(n int) error {
	if n > MaxLength {
		return outOfMemory()
	}
	if n <= len(b.data) {
		b.data = b.data[:n]
		return nil
	}
	if n <= cap(b.data) {
		old := len(b.data)
		b.data = b.data[:n]
		clear(b.data[old:])
		return nil
	}
	grown := make([]byte, n, min(MaxLength, max(n, 2*len(b.data))))
	copy(grown, b.data)
	b.data = grown
	return nil
}

// put writes at the position; the array grows as it must.
func (b *buffer) put(data []byte) error {
	if err := b.space(len(data)); err != nil {
		return err
	}
	copy(b.data[b.position:], data)
	b.position += len(data)
	return nil
}

// space makes room for n bytes at the position.
func (b *buffer) space(n int) error {
	if b.position > MaxLength-n {
		return outOfMemory()
	}
	if end := b.position + n; end > len(b.data) {
		return b.resize(end)
	}
	return nil
}

// replace sets the whole content.
func (b *buffer) replace(data []byte, position int) {
	b.data, b.position = data, position
}
