package files

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// place is where a path of a script leads.
type place struct {
	root *os.Root // nil: nowhere
	name string   // within root
	path string   // from the script's root, with a slash before each element
}

// elements splits a path, or says why it is refused: backslashes, and elements . and .. (server-side-api 2.8).
func elements(p string) ([]string, error) {
	switch {
	case p == "":
		return nil, errors.New("the path is empty")
	case strings.ContainsRune(p, '\\'):
		return nil, errors.New("a path has slashes, no backslashes")
	case strings.ContainsRune(p, 0):
		return nil, errors.New("a path has no zero characters")
	}
	list := strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
	for _, e := range list {
		if e == "." || e == ".." {
			return nil, errors.New("no element of a path may be . or .. alone")
		}
	}
	return list, nil
}

// find returns where a path leads: below the virtual directory with the longest prefix that fits, else in the folder of
// the application.
func (files *Files) find(p string) (place, error) {
	list, err := elements(p)
	if err != nil {
		return place{}, err
	}
	directory, skip := files.options.Root, 0
	for prefix, real := range files.options.Virtual {
		if v, err := elements(prefix); err == nil && len(v) > skip && begins(list, v) {
			directory, skip = real, len(v)
		}
	}
	at := place{root: files.root(directory), name: ".", path: "/" + strings.Join(list, "/")}
	if len(list) > skip {
		at.name = strings.Join(list[skip:], "/")
	}
	return at, nil
}

func begins(list, with []string) bool {
	if len(list) < len(with) {
		return false
	}
	for i := range with {
		if list[i] != with[i] {
			return false
		}
	}
	return true
}

// isRoot says whether it is the folder of the application or a virtual directory itself.
func (at place) isRoot() bool { return at.name == "." }

func (at place) stat() (os.FileInfo, error) {
	if at.root == nil {
		return nil, fs.ErrNotExist
	}
	return at.root.Stat(at.name)
}

// free says whether nothing has the name, not even a link that leads nowhere.
func (at place) free() bool {
	if at.root == nil {
		return false
	}
	_, err := at.root.Lstat(at.name)
	return errors.Is(err, fs.ErrNotExist)
}

// entries returns the names in a directory, sorted.
func (at place) entries() ([]string, error) {
	if at.root == nil {
		return nil, fs.ErrNotExist
	}
	list, err := fs.ReadDir(at.root.FS(), at.name)
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name()
	}
	return names, err
}

// denied says whether a file, one that a link leads to, or one within a directory must not be changed.
func (files *Files) denied(at place) bool {
	if files.options.Denied(at.path) {
		return true
	}
	if at.root == nil {
		return false
	}
	info, err := at.root.Lstat(at.name)
	switch {
	case err != nil:
		return false
	case info.Mode()&os.ModeSymlink != 0:
		return files.deniedLink(at)
	case info.IsDir():
		return files.deniedWithin(at)
	}
	return false
}

// longestLink is how many links to links are followed.
const longestLink = 40

func (files *Files) deniedLink(at place) bool {
	name := at.name
	for range longestLink {
		target, err := at.root.Readlink(name)
		if err != nil {
			return false // no link
		}
		if files.options.Denied(target) {
			return true
		}
		if i := strings.LastIndexByte(name, '/'); i >= 0 && !strings.HasPrefix(target, "/") {
			target = name[:i+1] + target
		}
		name = target
	}
	return true
}

func (files *Files) deniedWithin(at place) bool {
	found := errors.New("found")
	before := strings.TrimSuffix(at.path, at.name) // of a virtual directory
	err := fs.WalkDir(at.root.FS(), at.name, func(p string, _ fs.DirEntry, err error) error {
		if err == nil && files.options.Denied(before+p) {
			return found
		}
		return nil
	})
	return errors.Is(err, found)
}
