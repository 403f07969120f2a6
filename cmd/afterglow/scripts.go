package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"afterglow/configs"
)

// warnScripts says that the scripts of applications do not run: whoever relies on a script to keep publishers out must
// know what does it instead.
func (n *node) warnScripts(c *configs.Config) {
	folders, err := os.ReadDir(c.Applications.Dir)
	if err != nil {
		return // the folder need not exist
	}
	for _, folder := range folders {
		script := scriptOf(c.Applications.Dir, folder.Name())
		if script == "" {
			continue
		}
		guard := "the publish key"
		if c.Application(folder.Name()).Publish.Open {
			guard = "nothing, since applications." + folder.Name() + ".publish.open is true"
		}
		n.log.Warn("scripts do not run in this version", "app", folder.Name(), "script", script, "guarded_by", guard)
	}
}

// scriptOf returns the main script of an application's folder, or "".
func scriptOf(dir, app string) string {
	files, err := os.ReadDir(filepath.Join(dir, app))
	if err != nil {
		return ""
	}
	names := []string{"main.asc", "main.js", strings.ToLower(app) + ".asc", strings.ToLower(app) + ".js"}
	for _, f := range files {
		if slices.Contains(names, strings.ToLower(f.Name())) {
			return filepath.Join(dir, app, f.Name())
		}
	}
	return ""
}
