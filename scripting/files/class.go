package files

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"time"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
)

// file is the Go side of a File.
type file struct {
	files  *Files
	path   string // as it was given
	stream *stream
}

func (files *Files) description() engine.Class[*file] {
	return engine.Class[*file]{Name: "File", New: files.create, Methods: methods(), Properties: properties()}
}

// create is `new File(path)`. A path that is refused makes a file that does not exist.
func (files *Files) create(e *engine.Engine, _ *goja.Object, args []goja.Value) (*file, error) {
	if len(args) == 0 || goja.IsUndefined(args[0]) || goja.IsNull(args[0]) {
		return nil, errors.New("a path is needed")
	}
	path := args[0].String()
	if _, err := files.find(path); err != nil {
		e.Warn("File: %q: %v", path, err)
	}
	return &file{files: files, path: path}, nil
}

// place returns where the file is. What was refused is nowhere.
func (f *file) place() place {
	at, _ := f.files.find(f.path)
	return at
}

func (f *file) stat() (os.FileInfo, bool) {
	info, err := f.place().stat()
	return info, err == nil
}

// warn reports why a method answers that it failed. That something is not there is no news.
func (f *file) warn(method string, err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		f.files.engine.Warn("File.%s: %s: %v", method, f.path, err)
	}
}

// done is the answer of a method that succeeds or fails.
func (f *file) done(c engine.Call, method string, err error) goja.Value {
	if err != nil {
		f.warn(method, err)
	}
	return c.Value(err == nil)
}

// errDenied is why nobody writes the application's code.
var errDenied = errors.New("scripts must not change code or configuration of the application")

// changeable says why a place cannot be changed at all, if so.
func (files *Files) changeable(at place) error {
	switch {
	case at.root == nil:
		return fs.ErrNotExist
	case at.isRoot():
		return errors.New("that is the root")
	case files.denied(at):
		return errDenied
	}
	return nil
}

// open opens the file.
func (f *file) open(kind, modes string) error {
	m, err := parseMode(kind, modes)
	if err != nil {
		return err
	}
	if f.stream != nil {
		return errors.New("the file is open already")
	}
	at := f.place()
	if m.write {
		if err := f.files.changeable(at); err != nil {
			return err
		}
	}
	if err := openable(at, m); err != nil {
		return err
	}
	opened, err := at.root.OpenFile(at.name, m.flags(), 0o644)
	if err != nil {
		return err
	}
	if !f.files.add(opened) {
		_ = opened.Close()
		return errors.New("too many files are open: close() those that are not needed")
	}
	f.stream = &stream{mode: m, kind: kind, modes: modes, file: opened, most: f.files.options.MaxRead}
	if m.append {
		f.stream.at, _ = f.stream.size()
	}
	runtime.AddCleanup(f, f.files.forget, opened) // when the script has lost the object
	return nil
}

// openable says why a place cannot be opened, if so: only regular files are, as anything else might block.
func openable(at place, m mode) error {
	info, err := at.stat()
	switch {
	case err == nil && info.IsDir():
		return errors.New("that is a directory")
	case err == nil && !info.Mode().IsRegular():
		return errors.New("that is no regular file")
	case err != nil && (at.root == nil || !m.create && !m.append):
		return err
	}
	return nil
}

func (f *file) close() error {
	if f.stream == nil {
		return errors.New("the file is not open")
	}
	err := f.files.release(f.stream.file)
	f.stream = nil
	return err
}

func date(e *engine.Engine, t time.Time) goja.Value {
	o, err := e.VM.New(e.VM.Get("Date"), e.VM.ToValue(t.UnixMilli()))
	if err != nil {
		return goja.Undefined()
	}
	return o
}
