package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// skeleton are the files of a new application, in which NAME is its name.
//
//go:embed skeleton
var skeleton embed.FS

// AppNewCmd begins an application.
type AppNewCmd struct {
	Name string `arg:"" help:"The application's name, as it stands in URLs: rtmp://host/NAME."`
	Dir  string `help:"The folder of all applications." default:"applications" placeholder:"DIR" type:"path"`
}

// Help is shown by afterglow app new --help.
func (AppNewCmd) Help() string {
	return `Example:
  afterglow app new chat
  afterglow serve
  afterglow call rtmp://127.0.0.1/chat say hello --connect-arg alice --listen 1s

It writes applications/chat/main.asc with the handlers that most applications have, and a README.md with the lines of a
client. Nothing that exists is overwritten.`
}

// appName is what an application may be called: what needs no quoting in URLs, on command lines and in file names.
var appName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)

// Run writes the files.
func (c *AppNewCmd) Run() error {
	if !appName.MatchString(c.Name) {
		return fmt.Errorf("%q is no name for an application: use up to 64 letters, digits, dots, hyphens and underscores", c.Name)
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	dir := filepath.Join(c.Dir, c.Name)
	err := os.Mkdir(dir, 0o755)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s exists already, and nothing was written: choose another name, or remove it first", dir)
	case err != nil:
		return err
	}
	files, err := skeleton.ReadDir("skeleton")
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := skeleton.ReadFile("skeleton/" + f.Name())
		if err != nil {
			return err
		}
		path := filepath.Join(dir, f.Name())
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "NAME", c.Name)), 0o644); err != nil {
			return err
		}
		fmt.Println(path)
	}
	fmt.Printf("Start the server with: afterglow serve\nTry it with:           afterglow call rtmp://127.0.0.1/%s say hello --connect-arg alice --listen 1s\n", c.Name)
	return nil
}
