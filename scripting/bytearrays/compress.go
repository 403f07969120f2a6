package bytearrays

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"io"
)

// compress replaces the content by its compressed form, and moves the position to the end.
func (b *buffer) compress(algorithm string) error {
	var out bytes.Buffer
	var w io.WriteCloser
	switch algorithm {
	case "zlib":
		w = zlib.NewWriter(&out)
	case "deflate":
		w, _ = flate.NewWriter(&out, flate.DefaultCompression) // this level exists
	default:
		return notAccepted("algorithm")
	}
	if _, err := w.Write(b.data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	b.replace(out.Bytes(), out.Len())
	return nil
}

// uncompress replaces the content by what it was compressed from, up to MaxLength, and moves the position to the start.
// On an error the array stays as it was.
func (b *buffer) uncompress(algorithm string) error {
	n, err := b.inflated(algorithm)
	if err != nil {
		return err
	}
	data := make([]byte, n)
	r, err := inflater(b.data, algorithm)
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(r, data); err != nil {
		return notCompressed()
	}
	b.replace(data, 0)
	return nil
}

// inflated returns how long the content will be, so that no more memory is taken than that: growing step by step takes
// several times as much, and what would be too long takes none.
func (b *buffer) inflated(algorithm string) (int64, error) {
	r, err := inflater(b.data, algorithm)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(r, MaxLength+1))
	if err != nil {
		return 0, notCompressed()
	}
	if n > MaxLength {
		return 0, outOfMemory()
	}
	return n, nil
}

func inflater(data []byte, algorithm string) (io.Reader, error) {
	switch algorithm {
	case "zlib":
		r, err := zlib.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, notCompressed()
		}
		return r, nil
	case "deflate":
		return flate.NewReader(bytes.NewReader(data)), nil
	}
	return nil, notAccepted("algorithm")
}
