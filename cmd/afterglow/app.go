package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"afterglow/cmd/afterglow/appcheck"
	"afterglow/scripting/web"
)

// AppCmd has what helps to write applications and to bring them over from Adobe's server.
type AppCmd struct {
	New   AppNewCmd   `cmd:"" help:"Begin an application: a commented script and how to try it."`
	Check AppCheckCmd `cmd:"" help:"Say what existing scripts use, and what of it works."`
}

// Help is shown by afterglow app --help.
func (AppCmd) Help() string {
	return `Examples:
  afterglow app new chat
  afterglow app check /opt/adobe/ams/applications`
}

// AppCheckCmd reads scripts that were written for Adobe's server.
type AppCheckCmd struct {
	Folders []string `arg:"" name:"dir" help:"Folder of an application, or of several, or a main script."`
	All     bool     `help:"List what is supported as well."`
	JSON    bool     `name:"json" help:"Print an object for each application, with all that it uses."`
	Library []string `help:"Folder that load searches behind the application's own. May be repeated. Default: ./scriptlib if it is there." placeholder:"DIR" sep:"none"`
}

// Help is shown by afterglow app check --help.
func (AppCheckCmd) Help() string {
	return `Examples:
  afterglow app check applications/chat
  afterglow app check /opt/adobe/ams/applications --library /opt/adobe/ams/scriptlib
  afterglow app check applications/chat --json | jq '.uses[] | select(.support != "yes")'

It reads main.asc and what it loads, and runs nothing. The exit status is 1 if something that is used is not supported, if a
file is missing or if a script has a syntax error.`
}

// Run checks one application after the other.
func (c *AppCheckCmd) Run() error {
	o := appcheck.Options{Shipped: web.Library()}
	var err error
	if o.Library, err = c.libraries(); err != nil {
		return err
	}
	var checked, failing int
	var bare []string // folders without a script, which are applications too
	for _, folder := range c.Folders {
		found, err := appcheck.Applications(folder)
		if errors.Is(err, appcheck.ErrNoScript) && len(c.Folders) > 1 {
			bare = append(bare, folder)
			continue
		}
		if err != nil {
			return err
		}
		for _, name := range found {
			r, err := appcheck.Check(name, o)
			if err != nil {
				return err
			}
			if checked++; !r.Runs() {
				failing++
			}
			if err := c.print(r, checked); err != nil {
				return err
			}
		}
	}
	if len(bare) > 0 && !c.JSON {
		fmt.Printf("\nWithout a script: %s\n", strings.Join(bare, ", "))
	}
	if failing > 0 {
		return fmt.Errorf("%d of %d applications cannot run as they are: see \"Not supported\" above", failing, checked)
	}
	return nil
}

func (c *AppCheckCmd) print(r *appcheck.Report, n int) error {
	if c.JSON {
		return r.WriteJSON(os.Stdout)
	}
	if n > 1 {
		fmt.Println()
	}
	return r.WriteText(os.Stdout, c.All)
}

func (c *AppCheckCmd) libraries() ([]fs.FS, error) {
	folders := c.Library
	if len(folders) == 0 {
		const usual = "scriptlib"
		if info, err := os.Stat(usual); err == nil && info.IsDir() {
			folders = []string{usual}
		}
	}
	var all []fs.FS
	for _, folder := range folders {
		if info, err := os.Stat(folder); err != nil {
			return nil, fmt.Errorf("--library: %w", err)
		} else if !info.IsDir() {
			return nil, fmt.Errorf("--library: %s is no folder", folder)
		}
		all = append(all, os.DirFS(folder))
	}
	return all, nil
}
