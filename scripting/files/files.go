package files

import (
	"os"
	"path"
	"strings"
	"sync"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
)

// Options are what scripts may reach. A zero limit means its default.
type Options struct {
	// Root is the folder of the application. Empty: there is none, and no file exists.
	Root string
	// Virtual has real directories by the prefix under which scripts see them, as "/virt" (ScriptEngine/FileObject/
	// VirtualDirectory).
	Virtual map[string]string
	// MaxRead is how many bytes one call may read. Default 16 MiB.
	MaxRead int
	// MaxOpen is how many files may be open at a time. Default 64.
	MaxOpen int
	// Denied says whether a file must not be written, moved, deleted or made; path is as scripts write it, from the root.
	// Nil is [Code].
	Denied func(path string) bool
}

// Code says whether a path names code or configuration of an application: *.asc, *.js, *.far and Application.xml, in any
// case, also as Windows would understand the name.
func Code(name string) bool {
	name = strings.ToLower(path.Base(name))
	name, _, _ = strings.Cut(name, ":")
	name = strings.TrimRight(name, ". ")
	switch path.Ext(name) {
	case ".asc", ".js", ".far":
		return true
	}
	return name == "application.xml"
}

// Files are the files of one engine.
type Files struct {
	engine  *engine.Engine
	options Options
	class   *engine.Handle[*file]
	roots   map[string]*os.Root // by directory, opened when first needed
	closed  bool

	mu   sync.Mutex // files that scripts forgot are closed on a goroutine of the collector's
	open map[*os.File]struct{}
}

// Install sets the global File. Close what it returns when the engine is closed.
func Install(e *engine.Engine, o Options) *Files {
	if o.MaxRead <= 0 {
		o.MaxRead = 16 << 20
	}
	if o.MaxOpen <= 0 {
		o.MaxOpen = 64
	}
	if o.Denied == nil {
		o.Denied = Code
	}
	files := &Files{engine: e, options: o, roots: make(map[string]*os.Root), open: make(map[*os.File]struct{})}
	e.Lazy("File", func() goja.Value {
		files.class = engine.Make(e, files.description())
		return files.class.Constructor
	})
	return files
}

// Close closes all files that are open; from now on none exists. It may be called twice.
func (files *Files) Close() {
	files.closed = true
	files.mu.Lock()
	defer files.mu.Unlock()
	for f := range files.open {
		_ = f.Close()
	}
	clear(files.open)
	for _, r := range files.roots {
		if r != nil {
			_ = r.Close()
		}
	}
	clear(files.roots)
}

// root opens a directory. It returns nil if there is none.
func (files *Files) root(directory string) *os.Root {
	if directory == "" || files.closed {
		return nil
	}
	r, known := files.roots[directory]
	if known {
		return r
	}
	r, err := os.OpenRoot(directory)
	if err != nil {
		return nil // it may be made later
	}
	files.roots[directory] = r
	return r
}

// add counts an open file, or says that there are too many.
func (files *Files) add(f *os.File) bool {
	files.mu.Lock()
	defer files.mu.Unlock()
	if files.closed || len(files.open) >= files.options.MaxOpen {
		return false
	}
	files.open[f] = struct{}{}
	return true
}

// release closes a file. It may be called from any goroutine.
func (files *Files) release(f *os.File) error {
	files.mu.Lock()
	defer files.mu.Unlock()
	if _, ok := files.open[f]; !ok {
		return os.ErrClosed
	}
	delete(files.open, f)
	return f.Close()
}

// forget closes a file that a script has lost, unless it is closed.
func (files *Files) forget(f *os.File) { _ = files.release(f) }
