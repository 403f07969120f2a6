package amf

import "errors"

// Registry knows how externalizable classes are read and written (AMF3 3.12).
// The zero Registry, and a nil one, know flex.messaging.io.ArrayCollection,
// ArrayList and ObjectProxy, whose content is one value, a [*Wrapped].
// Register all classes before the registry is used.
type Registry struct {
	codecs map[string]codec
}

// ReadFunc reads the content of an externalizable object. What it returns,
// never nil, becomes [Object.Externalizable].
type ReadFunc func(*ExternalReader) (any, error)

// WriteFunc writes the content of an externalizable object.
type WriteFunc func(*ExternalWriter, any) error

type codec struct {
	read  ReadFunc
	write WriteFunc
}

// Wrapped is the content of an externalizable object that is just one value.
type Wrapped struct {
	// Value is the array or object that is wrapped.
	Value Value
}

var errNoContent = errors.New("no content")

// builtin returns the codec of the Flex classes that travel in most remoting
// traffic.
func builtin(class string) (codec, bool) {
	switch class {
	case "flex.messaging.io.ArrayCollection",
		"flex.messaging.io.ArrayList",
		"flex.messaging.io.ObjectProxy":
		return codec{readWrapped, writeWrapped}, true
	}
	return codec{}, false
}

// Register tells how objects of a class are read and written. A later
// registration replaces an earlier one, also one of the built in classes.
func (r *Registry) Register(class string, read ReadFunc, write WriteFunc) {
	if r.codecs == nil {
		r.codecs = make(map[string]codec)
	}
	r.codecs[class] = codec{read, write}
}

func (r *Registry) codec(class string) (codec, bool) {
	if r != nil {
		if c, ok := r.codecs[class]; ok {
			return c, true
		}
	}
	return builtin(class)
}

func readWrapped(r *ExternalReader) (any, error) {
	v, err := r.Value()
	return &Wrapped{v}, err
}

func writeWrapped(w *ExternalWriter, content any) error {
	c, ok := content.(*Wrapped)
	if !ok {
		return ErrType
	}
	return w.Value(c.Value)
}

// orNil names the failure of a codec that returned nothing at all.
func orNil(err error) error {
	if err == nil {
		return errNoContent
	}
	return err
}

// ExternalReader gives a [ReadFunc] the bytes and values of its object. It is
// valid only during that call.
type ExternalReader struct{ d *Decoder }

// Value reads an AMF3 value, as IDataInput.readObject does within
// readExternal.
func (r *ExternalReader) Value() (Value, error) { return r.d.value3() }

// Bytes reads n bytes. They alias the input.
func (r *ExternalReader) Bytes(n int) ([]byte, error) {
	return r.d.take(uint64(n))
}

// Uint29 reads a variable length integer (AMF3 1.3.1).
func (r *ExternalReader) Uint29() (uint32, error) { return r.d.u29() }

// ExternalWriter takes the bytes and values of an object from its [WriteFunc].
// It is valid only during that call.
type ExternalWriter struct{ e *Encoder }

// Value writes an AMF3 value, as IDataOutput.writeObject does within
// writeExternal.
func (w *ExternalWriter) Value(v Value) error { return w.e.value3(v) }

// Bytes writes bytes as they are.
func (w *ExternalWriter) Bytes(b []byte) error {
	if err := w.e.room(len(b)); err != nil {
		return err
	}
	w.e.dst = append(w.e.dst, b...)
	return nil
}

// Uint29 writes a variable length integer below 2^29 (AMF3 1.3.1); a larger
// one is ErrLimit.
func (w *ExternalWriter) Uint29(n uint32) error {
	if n > maxU29 {
		return ErrLimit
	}
	w.e.u29(n)
	return nil
}
