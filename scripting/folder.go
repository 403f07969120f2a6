package scripting

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"afterglow/apps"
	"afterglow/scripting/web"
)

// folder is where an application's files are, and which of them were read.
type folder struct {
	files   fs.FS  // where its scripts are
	dir     string // on disk, "" if it has none
	shipped bool   // the scripts are those that ship with the server
	app     string
	library []string // folders that load searches behind the application's own
	read    []readFile
}

// readFile is a file as it was when it was read.
type readFile struct {
	path    string // on disk
	changed time.Time
	size    int64
}

// folderOf returns the folder of an application. One that has the name of an application that ships with the server and no
// script of its own, as Adobe's live with its packed script, has that application's.
func folderOf(i *apps.Instance) *folder {
	files, dir := i.Folder()
	f := &folder{files: files, dir: dir, shipped: dir == "", app: i.Application(), library: libraries(i.Settings().Scripts.Library)}
	if f.shipped {
		return f
	}
	if _, ok := f.main(); ok {
		return f
	}
	if scripts, ok := Shipped(f.app); ok {
		f.files, f.shipped = scripts, true
	}
	return f
}

// Shipped returns the scripts of an application that ships with the server, and whether there is one of that name.
func Shipped(name string) (scripts fs.FS, ok bool) {
	if info, err := fs.Stat(apps.Shipped(), name); err != nil || !info.IsDir() || name == "." {
		return nil, false
	}
	scripts, err := fs.Sub(apps.Shipped(), name)
	return scripts, err == nil
}

// libraries takes a list of folders apart: Adobe's server divides them by semicolons everywhere.
func libraries(list string) []string {
	var out []string
	for _, part := range strings.FieldsFunc(list, func(r rune) bool { return r == ';' || r == filepath.ListSeparator && len(list) > 0 && !isDrive(list) }) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// isDrive says whether a colon is part of a path.
func isDrive(list string) bool { return filepath.ListSeparator != ':' }

// main returns the name of the main script (server-side-api 1.1).
func (f *folder) main() (string, bool) {
	if f.files == nil {
		return "", false
	}
	for _, dir := range []string{"", "scripts/"} {
		for _, name := range []string{"main.asc", "main.js", f.app + ".asc", f.app + ".js"} {
			found := AnyCase(f.files, dir+name)
			if info, err := fs.Stat(f.files, found); err == nil && info.Mode().IsRegular() {
				return found, true
			}
		}
	}
	return "", false
}

// mostSource is the largest script that is read, in bytes.
const mostSource = 16 << 20

var (
	errNoFile   = errors.New("there is no such file in the application's folder, nor in the script library (scripts.library)")
	errTooLarge = errors.New("the file is larger than 16 MiB")
	errClimbs   = errors.New("the path leaves the application's folder")
)

// open reads a script by the name that load was given: relative to the main script's folder, then to the library's.
func (f *folder) open(base, name string) (source string, found string, err error) {
	name = strings.TrimPrefix(path.Clean(strings.ReplaceAll(name, `\`, "/")), "/")
	for _, in := range []string{path.Join(path.Dir(base), name), name} {
		if fs.ValidPath(in) && f.files != nil {
			if source, err := f.readFrom(f.files, in, filepath.Join(f.dir, filepath.FromSlash(in))); !errors.Is(err, fs.ErrNotExist) {
				return source, in, err
			}
		}
	}
	if !fs.ValidPath(name) {
		return "", "", errClimbs
	}
	for _, dir := range f.library {
		if source, err := f.readFrom(os.DirFS(dir), name, filepath.Join(dir, filepath.FromSlash(name))); !errors.Is(err, fs.ErrNotExist) {
			return source, name, err
		}
	}
	if b, err := fs.ReadFile(web.Library(), name); err == nil {
		return string(b), name, nil
	}
	return "", "", errNoFile
}

// AnyCase returns the name of a file as it is written in its folder: scripts come from systems on which main.asc and
// Main.ASC are one file. Only the last element may differ. A name that no file has comes back as it is.
func AnyCase(in fs.FS, name string) string {
	if _, err := fs.Stat(in, name); err == nil {
		return name
	}
	entries, err := fs.ReadDir(in, path.Dir(name))
	if err != nil {
		return name
	}
	for _, e := range entries {
		if strings.EqualFold(e.Name(), path.Base(name)) {
			return path.Join(path.Dir(name), e.Name())
		}
	}
	return name
}

// readFrom reads a file and notes how it was.
func (f *folder) readFrom(in fs.FS, name, onDisk string) (string, error) {
	info, err := fs.Stat(in, name)
	if err != nil {
		name = AnyCase(in, name)
		onDisk = filepath.Join(filepath.Dir(onDisk), path.Base(name))
		if info, err = fs.Stat(in, name); err != nil {
			return "", err
		}
	}
	if !info.Mode().IsRegular() {
		return "", fs.ErrNotExist
	}
	if info.Size() > mostSource {
		return "", errTooLarge
	}
	b, err := fs.ReadFile(in, name)
	if err != nil {
		return "", err
	}
	if !f.shipped || in != f.files {
		f.read = append(f.read, readFile{onDisk, info.ModTime(), info.Size()})
	}
	return string(b), nil
}

// changed says whether a file that was read is another now, or is gone, or whether now, the folder as it is, has its main
// script elsewhere: in a folder that has come to shadow a shipped application, for example.
func (f *folder) changed(main string, now *folder) bool {
	if found, ok := now.main(); !ok || found != main || now.shipped != f.shipped || now.dir != f.dir {
		return true
	}
	for _, r := range f.read {
		info, err := os.Stat(r.path)
		if err != nil || !info.ModTime().Equal(r.changed) || info.Size() != r.size {
			return true
		}
	}
	return false
}
