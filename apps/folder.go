package apps

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
)

// embedded are the applications that ship with the server, one folder each.
//
//go:embed live videochat echo relay
var embedded embed.FS

// Shipped returns the applications that ship with the server, one folder each.
func Shipped() fs.FS { return embedded }

// isShipped says whether an application ships with the server.
func isShipped(name string) bool {
	if !validName(name) {
		return false
	}
	info, err := fs.Stat(embedded, name)
	return err == nil && info.IsDir()
}

// Folder returns the application's files and where they are on disk. A folder under applications.dir shadows an
// application that ships with the server, whose dir is "". Without either, files is nil. It may be called from anywhere.
func (i *Instance) Folder() (files fs.FS, dir string) {
	name := i.app.name
	if validName(name) {
		dir = filepath.Join(i.app.server.config.Load().Applications.Dir, name)
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return os.DirFS(dir), dir
		}
	}
	if !isShipped(name) {
		return nil, ""
	}
	sub, err := fs.Sub(embedded, name)
	if err != nil {
		return nil, ""
	}
	return sub, ""
}
