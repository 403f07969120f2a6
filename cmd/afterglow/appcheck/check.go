package appcheck

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"afterglow/scripting"
)

// Options are where scripts may come from besides their own folder.
type Options struct {
	// Library are the folders that load searches behind the application's own.
	Library []fs.FS
	// Shipped are the files that come with the server and that load finds behind all others. Nil is none.
	Shipped fs.FS
}

// Report is what an application uses.
type Report struct {
	Name     string    `json:"name"`
	Files    []string  `json:"files"`
	Problems []Problem `json:"problems"`
	Uses     []Use     `json:"uses"`
	Notes    []string  `json:"notes"`
}

// Use is an API that is used somewhere.
type Use struct {
	API     string  `json:"api"`
	Kind    string  `json:"kind"`
	Support Support `json:"support"`
	// Probable says that the object's class is not known at any of the places, only that no other class has such a member.
	Probable bool     `json:"probable,omitempty"`
	Places   []string `json:"places"` // file:line
	Note     string   `json:"note,omitempty"`
	Doc      string   `json:"doc,omitempty"`
}

// Count returns how many APIs are used that have that support.
func (r *Report) Count(s Support) int {
	n := 0
	for _, u := range r.Uses {
		if u.Support == s {
			n++
		}
	}
	return n
}

// Runs says whether nothing was found that cannot work.
func (r *Report) Runs() bool { return r.Count(No) == 0 && len(r.Problems) == 0 }

// ErrNoScript is the error of Applications for a folder without scripts.
var ErrNoScript = errors.New("no main script")

// Applications finds the applications that a path stands for: a folder with a main script, all folders in it that have one, or a
// main script itself. The error says what was expected; it wraps ErrNoScript if the folder is there.
func Applications(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	if hasScript(name) {
		return []string{name}, nil
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		if dir := filepath.Join(name, e.Name()); e.IsDir() && hasScript(dir) {
			found = append(found, dir)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has %w, nor has a folder in it: it would be called %s", name, ErrNoScript, strings.Join(mains(baseName(name)), ", "))
	}
	return found, nil
}

func hasScript(dir string) bool {
	_, ok := findMain(os.DirFS(dir), baseName(dir))
	if far, _ := filepath.Glob(filepath.Join(escaped(dir), "*.far")); len(far) > 0 {
		return true
	}
	return ok
}

// escaped keeps Glob from taking a folder's name for a pattern.
func escaped(dir string) string {
	return strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

func baseName(dir string) string {
	if full, err := filepath.Abs(dir); err == nil {
		dir = full
	}
	return filepath.Base(dir)
}

// Check reads an application: a folder, or a main script.
func Check(name string, o Options) (*Report, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	r := &reader{library: o.Library, shipped: o.Shipped, seen: make(map[string]bool), missing: make(map[string]bool)}
	if !info.IsDir() {
		r.folder, r.main = os.DirFS(filepath.Dir(name)), filepath.Base(name)
	} else {
		r.folder = os.DirFS(name)
		r.main, _ = findMain(r.folder, baseName(name))
	}
	if r.main == "" {
		r.others()
		if _, ok := scripting.Shipped(baseName(name)); ok {
			r.note("it has no script that can be read: the one that ships with Afterglow under this name runs in its place, with the folder's other files")
			return &Report{Name: name, Notes: r.notes}, nil
		}
		return &Report{Name: name, Notes: r.notes, Problems: []Problem{{File: name, Text: "there is no main script that can be read",
			Note: "It would be called " + strings.Join(mains(baseName(name)), ", ") + "."}}}, nil
	}
	r.read()
	report := &Report{Name: name, Problems: r.problems, Notes: r.notes, Uses: usesOf(r.sources)}
	for _, s := range r.sources {
		report.Files = append(report.Files, s.name)
	}
	return report, nil
}

// rounds is how often scripts are read at most to find out types: each round carries them one step further.
const rounds = 8

// usesOf finds all uses in the scripts of an application.
func usesOf(sources []*source) []Use {
	k := newKnowledge()
	read := func(found func(file string) func(*API, int, bool)) {
		for n, s := range sources {
			w := &walker{knowledge: k, source: s, file: n}
			if found != nil {
				w.found = found(s.name)
			}
			w.walk(0, len(s.tokens), k.global)
		}
	}
	for range rounds {
		k.changed = false
		if read(nil); !k.changed {
			break
		}
	}
	all := make(map[*API]*collected)
	read(func(file string) func(*API, int, bool) {
		return func(a *API, line int, certain bool) {
			if all[a] == nil {
				all[a] = &collected{places: make(map[spot]bool)}
			}
			all[a].places[spot{file, line}] = true
			all[a].certain = all[a].certain || certain
		}
	})
	return sorted(all)
}

// collected are the places where an API is used.
type collected struct {
	places  map[spot]bool
	certain bool
}

type spot struct {
	file string
	line int
}

// sorted brings uses into the order of a report: what is not supported first.
func sorted(all map[*API]*collected) []Use {
	var uses []Use
	for a, c := range all {
		u := Use{API: a.Name(), Kind: a.Kind, Support: a.Support, Probable: !c.certain, Note: a.Note}
		if a.Doc != "" {
			u.Doc = "docs/app-check.md#" + a.Doc
		}
		spots := make([]spot, 0, len(c.places))
		for s := range c.places {
			spots = append(spots, s)
		}
		slices.SortFunc(spots, func(a, b spot) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line)) })
		for _, s := range spots {
			u.Places = append(u.Places, fmt.Sprintf("%s:%d", s.file, s.line))
		}
		uses = append(uses, u)
	}
	rank := map[Support]int{No: 0, Partly: 1, Yes: 2}
	slices.SortFunc(uses, func(a, b Use) int {
		return cmp.Or(cmp.Compare(rank[a.Support], rank[b.Support]), cmp.Compare(strings.ToLower(a.API), strings.ToLower(b.API)), cmp.Compare(a.API, b.API))
	})
	return uses
}
