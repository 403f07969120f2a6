package appcheck

import (
	_ "embed"
	"strings"
)

// Support says how much of something there is.
type Support string

// The values of a Support.
const (
	Yes    Support = "yes"
	Partly Support = "partly"
	No     Support = "no"
)

// API is a function, a class or a member of a class that scripts can use.
type API struct {
	Class  string // "global" and "language" for functions without one
	Member string // empty for the class itself; behind a # stands a use of the member that is supported otherwise
	Kind   string // class, property, method, static, event or function
	Support
	Types []string // the class of a value or a result, X[] of an array; of an event, the classes of its arguments
	Note  string   // what is missing, and what to do
	Doc   string   // heading in docs/app-check.md
}

// uses are the words for what stands behind a # in Member.
var uses = map[string]string{
	"recorded": " of a recording", "groups": " without a server", "tunnel": " by another protocol", "admin": " to the administration server",
	"group": " into a group",
}

// Name returns the API as people write it: application.onConnect, Stream.get(), setInterval().
func (a *API) Name() string {
	member, use, _ := strings.Cut(a.Member, "#")
	name := a.Class + "." + member
	switch {
	case a.Class == "Application" && member != "":
		name = "application." + member
	case a.Class == "global" || a.Class == "language":
		name = member
	case a.Member == "":
		name = a.Class
	case a.Kind == "class":
		name = "new " + a.Class
	}
	switch a.Kind {
	case "method", "static", "function":
		if a.Support == Yes || !strings.HasPrefix(member, "max") {
			name += "()"
		}
	}
	return name + uses[use]
}

//go:embed api.tsv
var apiTable string

// APIs returns everything that Adobe's server has, in the order of the table.
func APIs() []API {
	var all []API
	for n, line := range strings.Split(strings.TrimSuffix(apiTable, "\n"), "\n") {
		if n == 0 {
			continue // the names of the columns
		}
		f := strings.Split(line, "\t")
		a := API{Class: f[0], Member: f[1], Kind: f[2], Support: Support(f[3]), Note: f[5], Doc: f[6]}
		if f[4] != "" {
			a.Types = strings.Split(f[4], ",")
		}
		all = append(all, a)
	}
	return all
}

// table finds APIs.
type table struct {
	members map[string]map[string]*API // by class and name
	unique  map[string]*API            // by the name of a member that only one class has
}

// common are names of members that scripts use for things of their own as well.
var common = map[string]bool{
	"name": true, "length": true, "size": true, "time": true, "info": true, "close": true, "connect": true, "clear": true, "get": true,
	"call": true, "ip": true, "id": true, "uri": true, "mode": true, "type": true, "list": true, "status": true, "position": true,
	"post": true, "server": true, "secure": true, "agent": true, "protocol": true, "config": true, "clients": true, "play": true,
	"version": true, "read": true, "write": true, "open": true, "attach": true, "publish": true, "ping": true, "disconnect": true,
	"destroy": true, "exists": true, "commit": true, "detail": true, "request": true, "response": true, "parentNode": true,
	"hostname": true, "shutdown": true, "gc": true, "prefix": true, "attributes": true, "loaded": true, "endian": true,
	"referrer": true, "decode": true, "mark": true, "lock": true, "unlock": true, "purge": true, "eof": true, "seek": true,
}

func newTable() *table {
	t := &table{members: make(map[string]map[string]*API), unique: make(map[string]*API)}
	classes := make(map[string]int)
	all := APIs()
	for n := range all {
		a := &all[n]
		if t.members[a.Class] == nil {
			t.members[a.Class] = make(map[string]*API)
		}
		t.members[a.Class][a.Member] = a
		classes[a.Member]++
		t.unique[a.Member] = a
	}
	for name, a := range t.unique {
		if classes[name] > 1 || common[name] || strings.Contains(name, "#") || a.Kind == "class" || a.Kind == "function" || a.Kind == "static" {
			delete(t.unique, name)
		}
	}
	return t
}

// class says whether scripts know a class of that name.
func (t *table) class(name string) bool {
	return name != "global" && name != "language" && t.members[name] != nil
}

// function returns a function that is no member of anything, or nil.
func (t *table) function(name string) *API {
	if a := t.members["global"][name]; a != nil {
		return a
	}
	return t.members["language"][name]
}
