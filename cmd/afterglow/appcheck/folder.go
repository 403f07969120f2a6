package appcheck

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"afterglow/scripting"
	"afterglow/scripting/es3"
)

// largest is the largest script that is read, in bytes; the server takes no larger ones either.
const largest = 16 << 20

// Problem is something at a place of a script that keeps it from running as it did.
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // from 1; 0 is the whole file
	Text string `json:"text"`
	Note string `json:"note,omitempty"` // what to do
}

// reader reads the scripts of an application, those first that the server runs first.
type reader struct {
	folder   fs.FS
	library  []fs.FS
	shipped  fs.FS
	main     string
	sources  []*source
	seen     map[string]bool
	missing  map[string]bool
	problems []Problem
	notes    []string
}

// mains returns the main scripts that a folder of that name can have, the first one first (server-side-api 1.1).
func mains(name string) []string {
	return []string{"main.asc", "main.js", name + ".asc", name + ".js"}
}

// findMain returns the main script of a folder, and whether there is one.
func findMain(folder fs.FS, name string) (string, bool) {
	for _, dir := range []string{"", "scripts/"} {
		for _, script := range mains(name) {
			if found, ok := findFile(folder, dir+script); ok {
				return found, true
			}
		}
	}
	return "", false
}

// read reads the main script, secure.asc and all that they load.
func (r *reader) read() {
	secure := path.Join(path.Dir(r.main), "secure.asc")
	if _, err := fs.Stat(r.folder, secure); err == nil {
		r.file(r.folder, secure)
	}
	r.file(r.folder, r.main)
	r.others()
}

// file reads a script and those that it loads.
func (r *reader) file(in fs.FS, name string) {
	if r.seen[name] {
		return
	}
	r.seen[name] = true
	text, err := readScript(in, name)
	if err != nil {
		r.problems = append(r.problems, Problem{File: name, Text: err.Error()})
		return
	}
	r.syntax(name, text)
	tokens, _ := es3.Scan(text) // an error has been found already
	r.sources = append(r.sources, newSource(name, tokens))
	r.loads(name, tokens)
}

func readScript(in fs.FS, name string) (string, error) {
	info, err := fs.Stat(in, name)
	if err != nil {
		return "", err
	}
	if info.Size() > largest {
		return "", errors.New("the file is larger than 16 MiB, and the server does not read it")
	}
	b, err := fs.ReadFile(in, name)
	return string(b), err
}

// e4x is how XML within a script looks (ECMA-357).
var e4x = regexp.MustCompile(`</?\w[^<>]*>|\.@\w`)

// syntax looks whether a script would compile.
func (r *reader) syntax(name, text string) {
	var s *es3.SyntaxError
	if !errors.As(es3.CheckSyntax(name, text), &s) {
		return
	}
	p := Problem{File: name, Line: s.Line, Text: "syntax error: " + s.Message, Note: "Adobe's server would not have run it either: " + clip(s.Text)}
	if e4x.MatchString(s.Text) {
		p.Note = "ECMAScript for XML (E4X) is not there: use the XML class: " + clip(s.Text)
	}
	r.problems = append(r.problems, p)
}

// clip shortens a line that is shown.
func clip(line string) string {
	const most = 100
	line = strings.TrimSpace(line)
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + "..."
	}
	return line
}

// loads follows the calls of load in a script.
func (r *reader) loads(name string, tokens []es3.Token) {
	for n, t := range tokens {
		if t.Kind != es3.Identifier || t.Text != "load" || n+2 >= len(tokens) || tokens[n+1].Text != "(" || n > 0 && tokens[n-1].Text == "." {
			continue
		}
		if n > 0 && tokens[n-1].Text == "function" {
			continue
		}
		arg := tokens[n+2]
		if arg.Kind != es3.String || n+3 < len(tokens) && tokens[n+3].Text != ")" {
			r.note("%s:%d: load of a name that is made up while the script runs: name that file as well to check it", name, t.Line)
			continue
		}
		r.load(name, t.Line, unquoted(arg.Text))
	}
}

// load finds a file as the server does: beside the main script, then in the script library (server-side-api 1.3).
func (r *reader) load(from string, line int, name string) {
	clean := strings.TrimPrefix(path.Clean(strings.ReplaceAll(strings.ReplaceAll(name, `\\`, "/"), `\`, "/")), "/")
	for _, in := range []string{path.Join(path.Dir(r.main), clean), clean} {
		if found, ok := findFile(r.folder, in); ok {
			r.file(r.folder, found)
			return
		}
	}
	for _, library := range r.library {
		if found, ok := findFile(library, clean); ok {
			r.file(library, found)
			return
		}
	}
	if r.shipped != nil && isFile(r.shipped, clean) {
		return // the server has it, and knows that it works
	}
	if r.missing[clean] {
		return
	}
	r.missing[clean] = true
	p := Problem{File: from, Line: line, Text: fmt.Sprintf("load(%q): there is no such file", name), Note: whereToFind(clean)}
	r.problems = append(r.problems, p)
}

// findFile returns the name of a file as it is written, and whether there is one.
func findFile(in fs.FS, name string) (string, bool) {
	if !fs.ValidPath(name) {
		return "", false
	}
	found := scripting.AnyCase(in, name)
	return found, isFile(in, found)
}

func isFile(in fs.FS, name string) bool {
	if !fs.ValidPath(name) {
		return false
	}
	info, err := fs.Stat(in, name)
	return err == nil && info.Mode().IsRegular()
}

// whereToFind says what to do about a file that load does not find.
func whereToFind(name string) string {
	if !fs.ValidPath(name) {
		return "The path leaves the application's folder: copy the file into it, or into the script library (scripts.library)."
	}
	return "Copy it into the application's folder or into the script library (scripts.library); files of Adobe's are in the scriptlib folder of the old server."
}

func (r *reader) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// others notes what else is in the folder and matters.
func (r *reader) others() {
	var unused []string
	_ = fs.WalkDir(r.folder, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		switch ext := strings.ToLower(path.Ext(name)); {
		case strings.EqualFold(e.Name(), "Application.xml"):
			r.note("%s is not read: what it sets is in the configuration of the server, below applications", name)
		case ext == ".far":
			r.note("%s is a packed script, which cannot be read: put the files that it was made of into the folder", name)
		case (ext == ".asc" || ext == ".js") && !r.seen[name]:
			unused = append(unused, name)
		}
		return nil
	})
	if slices.Sort(unused); len(unused) > 0 {
		r.note("no load for %s: not checked", strings.Join(unused, ", "))
	}
}
