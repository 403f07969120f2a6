package trace

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// KeyFile reads a key log that may still grow.
type KeyFile struct {
	path string
	at   int64
	rest []byte // of a line that is not complete
	skip bool   // the rest of a line that is too long
}

// NewKeyFile names a key log. It need not exist yet.
func NewKeyFile(path string) *KeyFile { return &KeyFile{path: path} }

// Poll calls take for each line that has come since the last call. A file that does not exist is an empty one. A file that has become
// smaller is read from its beginning.
func (f *KeyFile) Poll(take func(line string)) error {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() && info.Size() < f.at {
		f.at, f.rest, f.skip = 0, nil, false
	}
	if _, err := file.Seek(f.at, io.SeekStart); err != nil {
		return err
	}
	return f.read(file, take)
}

func (f *KeyFile) read(r io.Reader, take func(string)) error {
	buffer := make([]byte, 1<<16)
	for {
		n, err := r.Read(buffer)
		f.at += int64(n)
		f.split(buffer[:n], take)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (f *KeyFile) split(b []byte, take func(string)) {
	for {
		line, rest, complete := bytes.Cut(b, []byte("\n"))
		if !complete {
			break
		}
		if !f.skip && len(f.rest)+len(line) <= maxKeyLine {
			take(string(f.rest) + string(line))
		}
		f.rest, f.skip, b = f.rest[:0], false, rest
	}
	if f.skip = f.skip || len(f.rest)+len(b) > maxKeyLine; f.skip {
		f.rest = f.rest[:0]
		return
	}
	f.rest = append(f.rest, b...)
}

// End takes a last line that has no end of line.
func (f *KeyFile) End(take func(line string)) {
	if len(f.rest) > 0 {
		take(string(f.rest))
		f.rest = f.rest[:0]
	}
}
