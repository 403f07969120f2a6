package files

import (
	"os"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
)

type property = engine.Property[*file]

// properties are all read-only. What only an open file has is undefined when it is closed.
func properties() map[string]property {
	return map[string]property{
		"name":        {Get: func(f *file, c engine.Call) goja.Value { return c.Value(f.path) }},
		"exists":      is(func(f *file, info os.FileInfo) bool { return true }),
		"isFile":      is(func(f *file, info os.FileInfo) bool { return info.Mode().IsRegular() }),
		"isDirectory": is(func(f *file, info os.FileInfo) bool { return info.IsDir() }),
		"isOpen":      {Get: func(f *file, c engine.Call) goja.Value { return c.Value(f.stream != nil) }},
		"canRead": is(func(f *file, info os.FileInfo) bool {
			return info.Mode().Perm()&0o444 != 0 && (f.stream == nil || f.stream.read)
		}),
		"canWrite":   is(func(f *file, info os.FileInfo) bool { return f.writable(info) && (f.stream == nil || f.stream.write) }),
		"canAppend":  is(func(f *file, info os.FileInfo) bool { return f.writable(info) && (f.stream == nil || f.stream.append) }),
		"canReplace": is(func(f *file, info os.FileInfo) bool { return f.writable(info) && (f.stream == nil || f.stream.create) }),
		"length":     {Get: length},
		"creationTime": {Get: func(f *file, c engine.Call) goja.Value { // no system tells it alike: it is when the file changed
			return lastModified(f, c)
		}},
		"lastModified": {Get: lastModified},
		"mode":         opened(func(s *stream) any { return s.modes }),
		"type":         opened(func(s *stream) any { return s.kind }),
		"position":     opened(func(s *stream) any { return s.at }),
	}
}

// is makes a property that says something of a file that exists.
func is(so func(f *file, info os.FileInfo) bool) property {
	return property{Get: func(f *file, c engine.Call) goja.Value {
		info, ok := f.stat()
		return c.Value(ok && so(f, info))
	}}
}

// opened makes a property that only an open file has.
func opened(get func(*stream) any) property {
	return property{Get: func(f *file, c engine.Call) goja.Value {
		if f.stream == nil {
			return goja.Undefined()
		}
		return c.Value(get(f.stream))
	}}
}

func (f *file) writable(info os.FileInfo) bool {
	return info.Mode().Perm()&0o222 != 0 && (info.IsDir() || !f.files.denied(f.place()))
}

// length is bytes, or the number of entries of a directory.
func length(f *file, c engine.Call) goja.Value {
	info, ok := f.stat()
	if !ok {
		return c.Value(0)
	}
	if !info.IsDir() {
		return c.Value(info.Size())
	}
	names, err := f.place().entries()
	if err != nil {
		f.warn("length", err)
	}
	return c.Value(len(names))
}

func lastModified(f *file, c engine.Call) goja.Value {
	info, ok := f.stat()
	if !ok {
		return goja.Undefined()
	}
	return date(c.Engine, info.ModTime())
}
