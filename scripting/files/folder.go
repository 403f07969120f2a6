package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
)

// list answers with a File for each entry of the directory that filter(name) is true for, null where it fails.
func list(f *file, c engine.Call) goja.Value {
	filter, filtered := goja.AssertFunction(c.Arg(0))
	names, err := f.place().entries()
	if err != nil {
		f.warn("list", err)
		return goja.Null()
	}
	entries := []any{}
	for _, name := range names {
		if filtered {
			keep, err := filter(goja.Undefined(), c.Value(name))
			if err != nil {
				panic(err) // goja throws it on
			}
			if !keep.ToBoolean() {
				continue
			}
		}
		entries = append(entries, f.files.class.Wrap(&file{files: f.files, path: below(f.path, name)}))
	}
	return c.VM.NewArray(entries...)
}

// below is the path of an entry.
func below(directory, name string) string { return strings.TrimRight(directory, "/") + "/" + name }

// mkdir makes a directory within this one.
func (f *file) mkdir(name string) error {
	if info, ok := f.stat(); !ok || !info.IsDir() {
		return errors.New("that is no directory")
	}
	if _, err := elements(name); err != nil {
		return err
	}
	at, err := f.files.find(below(f.path, name))
	if err != nil {
		return err
	}
	if err := f.files.changeable(at); err != nil {
		return err
	}
	return at.root.Mkdir(at.name, 0o755)
}

// remove deletes a file or an empty directory, or one with all that is in it.
func (f *file) remove(recursive bool) error {
	if f.stream != nil {
		return errors.New("the file is open")
	}
	at := f.place()
	if err := f.files.changeable(at); err != nil {
		return err
	}
	if at.free() {
		return fs.ErrNotExist
	}
	if recursive {
		return at.root.RemoveAll(at.name)
	}
	return at.root.Remove(at.name)
}

// target returns where something is moved or copied to: a path from the root, or a mere name in the same directory.
func (f *file) target(name string) (place, error) {
	if !strings.Contains(name, "/") {
		if i := strings.LastIndexByte(strings.TrimRight(f.path, "/"), '/'); i >= 0 {
			name = f.path[:i+1] + name
		}
	}
	at, err := f.files.find(name)
	if err != nil {
		return at, err
	}
	return at, f.files.changeable(at)
}

// renameTo moves a file or a directory, over nothing that exists. The object stands for the old name still.
func (f *file) renameTo(name string) error {
	if f.stream != nil {
		return errors.New("the file is open")
	}
	from := f.place()
	if err := f.files.changeable(from); err != nil {
		return err
	}
	if from.free() {
		return fs.ErrNotExist
	}
	if _, err := elements(name); err != nil {
		return err
	}
	to, err := f.target(name)
	switch {
	case err != nil:
		return err
	case to.root != from.root:
		return errors.New("only copyTo leads from one virtual directory to another")
	case !to.free():
		return errors.New("the new name is taken")
	}
	return from.root.Rename(from.name, to.name)
}

// copyTo copies a file, over one that exists.
func (f *file) copyTo(path string) error {
	from := f.place()
	if from.root == nil {
		return fs.ErrNotExist
	}
	if err := openable(from, mode{read: true}); err != nil {
		return err
	}
	if _, err := elements(path); err != nil {
		return err
	}
	to, err := f.target(path)
	if err != nil {
		return err
	}
	if err := openable(to, mode{create: true}); err != nil {
		return err
	}
	if same(from, to) {
		return errors.New("that is the same file")
	}
	return duplicate(from, to)
}

func same(a, b place) bool {
	one, err := a.stat()
	if err != nil {
		return false
	}
	other, err := b.stat()
	return err == nil && os.SameFile(one, other)
}

func duplicate(from, to place) error {
	in, err := from.root.Open(from.name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := to.root.Create(to.name)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
