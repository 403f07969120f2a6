package web

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed scriptlib
var scriptlib embed.FS

// library is the embedded script library. Its names are found in whatever case scripts write them.
type library struct{ fs.FS }

// Library returns the scripts that load() finds when the application and its library have none of that name
// (server-side-api 1.3, 2.6, 2.12): webservices/WebServices.asc and netservices.asc.
func Library() fs.FS {
	sub, err := fs.Sub(scriptlib, "scriptlib")
	if err != nil {
		return scriptlib // cannot be: the name is valid
	}
	return library{sub}
}

// Open opens a file.
func (l library) Open(name string) (fs.File, error) {
	f, err := l.FS.Open(name)
	if err == nil {
		return f, nil
	}
	var found string
	_ = fs.WalkDir(l.FS, ".", func(path string, _ fs.DirEntry, err error) error {
		if strings.EqualFold(path, name) {
			found = path
		}
		return err
	})
	if found == "" {
		return nil, err
	}
	return l.FS.Open(found)
}
