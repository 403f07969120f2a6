// Package afterglow_test holds the house to its plan: which room may import which.
package afterglow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "afterglow"

// floors has every room with its floor. A room imports only rooms on lower floors; its own sub-packages are the same room.
var floors = map[string]int{
	"cmd":           6,
	"examples":      6,
	"admin":         5,
	"web":           5,
	"scripting":     5,
	"cluster":       5,
	"apps":          4,
	"netconn":       3,
	"streams":       2,
	"sharedobjects": 2,
	"rtmp":          1,
	"rtmfp":         1,
	"media":         1,
	"amf":           0,
	"configs":       0,
}

// reserved has the packages, by the beginning of their path, that only some may import. The rule binds internal tests too,
// but not external ones, which stand outside of their package.
var reserved = []struct {
	what string
	by   []string
	why  string
}{
	{"afterglow/rtmp", []string{"rtmp", "netconn/overrtmp", "cmd", "examples"}, "netconn/overrtmp alone knows the transport"},
	{"afterglow/rtmfp", []string{"rtmfp", "netconn/overrtmfp", "cmd", "examples"}, "netconn/overrtmfp alone knows the transport"},
	{"github.com/dop251/goja", []string{"scripting"}, "scripts are known to scripting alone"},
	{"github.com/dop251/goja_nodejs", []string{"scripting"}, "scripts are known to scripting alone"},
	{"github.com/nats-io", []string{"cluster"}, "other nodes are known to cluster alone"},
	{"github.com/labstack/echo", []string{"admin", "web"}, "HTTP is the affair of admin and web"},
	{"github.com/alecthomas/kong", []string{"cmd"}, "the command line is known to cmd alone"},
}

// forbidden has what a room must not know although the floors allow it. A path ending in "/..." includes what is below.
var forbidden = []struct {
	room string // with its sub-packages, except for those in but
	but  []string
	what []string
}{
	{room: "rtmfp", what: []string{"afterglow/amf/..."}},
	{room: "netconn", but: []string{"netconn/overrtmp", "netconn/overrtmfp"}, what: []string{"net", "net/http/...", "crypto/tls", "syscall"}},
	{room: "apps", what: []string{"net/http/..."}},
	{room: "streams", what: []string{"net", "net/http/...", "crypto/tls"}},
	{room: "sharedobjects", what: []string{"net", "net/http/...", "crypto/tls"}},
	{room: "scripting", what: []string{"net", "crypto/tls"}},
	{room: "amf", what: []string{"net", "net/http/...", "os"}},
	{room: "media", what: []string{"net", "net/http/..."}},
}

// listed is what `go list` says of a package.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// edge is one import.
type edge struct {
	from, to string
	external bool // from an external test package, "package x_test"
}

func TestRoomsImportOnlyLowerFloors(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		edges := importsOf(t, system)
		if len(edges) == 0 {
			t.Fatalf("%s: go list found no imports", system)
		}
		for _, violation := range violations(edges) {
			t.Errorf("%s: %s", system, violation)
		}
	}
}

func TestEveryPackageIsInARoom(t *testing.T) {
	for _, p := range packages(t, "linux") {
		if _, known := floors[roomOf(p.ImportPath)]; !known && p.ImportPath != module {
			t.Errorf("%s is in no room: give it a floor in the table and in the plan, or move it", p.ImportPath)
		}
	}
}

// watchTree looks at every folder, so that `go test` knows that its cached result is stale when a file changes: it does
// not see what `go list` reads.
func watchTree(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() && path != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "data") {
			return fs.SkipDir
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func packages(t *testing.T, system string) []listed {
	t.Helper()
	watchTree(t)
	command := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	command.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

func importsOf(t *testing.T, system string) []edge {
	t.Helper()
	var edges []edge
	for _, p := range packages(t, system) {
		for _, to := range slices.Concat(p.Imports, p.TestImports) {
			edges = append(edges, edge{from: p.ImportPath, to: to})
		}
		for _, to := range p.XTestImports {
			edges = append(edges, edge{from: p.ImportPath, to: to, external: true})
		}
	}
	return edges
}

// violations words what is wrong with the imports, each problem once.
func violations(edges []edge) []string {
	var found []string
	for _, e := range edges {
		for _, rule := range []func(edge) string{floorViolation, reservedViolation, forbiddenViolation} {
			if problem := rule(e); problem != "" {
				found = append(found, problem)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(append(found, twoWays(edges)...))
}

func floorViolation(e edge) string {
	from, to := roomOf(e.from), roomOf(e.to)
	if from == to || to == "" {
		return ""
	}
	target, known := floors[to]
	if !known {
		return fmt.Sprintf("%s imports %s, which is in no room", e.from, e.to)
	}
	if to == "cmd" {
		return fmt.Sprintf("%s imports %s: nothing imports cmd", e.from, e.to)
	}
	if from == "" {
		return "" // the tests beside this one see the whole house
	}
	own, known := floors[from]
	if !known || target < own || e.external && target == own {
		return ""
	}
	return fmt.Sprintf("%s (floor %d) imports %s (floor %d): a room imports only lower floors", e.from, own, e.to, target)
}

func reservedViolation(e edge) string {
	from := inside(e.from)
	if e.external || from == "" {
		return ""
	}
	for _, r := range reserved {
		if within(e.to, r.what) && !slices.ContainsFunc(r.by, func(room string) bool { return within(from, room) }) {
			return fmt.Sprintf("%s imports %s, which is for %s only: %s", e.from, e.to, strings.Join(r.by, ", "), r.why)
		}
	}
	return ""
}

func forbiddenViolation(e edge) string {
	from := inside(e.from)
	if e.external || from == "" {
		return ""
	}
	for _, f := range forbidden {
		if !within(from, f.room) || slices.ContainsFunc(f.but, func(sub string) bool { return within(from, sub) }) {
			continue
		}
		for _, what := range f.what {
			if tree, all := strings.CutSuffix(what, "/..."); e.to == what || all && within(e.to, tree) {
				return fmt.Sprintf("%s imports %s, which %s must not know", e.from, e.to, f.room)
			}
		}
	}
	return ""
}

// twoWays finds packages of one room that import one another, be it with the help of tests.
func twoWays(edges []edge) []string {
	direct := make(map[edge]bool)
	for _, e := range edges {
		if !e.external && roomOf(e.from) == roomOf(e.to) {
			direct[e] = true
		}
	}
	var found []string
	for e := range direct {
		if e.from < e.to && direct[edge{from: e.to, to: e.from}] {
			found = append(found, fmt.Sprintf("%s and %s import one another: a room's packages import in one direction", e.from, e.to))
		}
	}
	slices.Sort(found)
	return found
}

// roomOf returns the room of a package of this module, and "" for the module's root and for everybody else's packages.
func roomOf(path string) string {
	room, _, _ := strings.Cut(inside(path), "/")
	return room
}

// inside returns the path of a package inside the module.
func inside(path string) string {
	rest, ours := strings.CutPrefix(path, module+"/")
	if !ours {
		return ""
	}
	return rest
}

// within tells whether a path is the root of the tree or below it.
func within(path, tree string) bool {
	return path == tree || strings.HasPrefix(path, tree+"/")
}

func TestForbiddenImportsAreFound(t *testing.T) {
	for _, test := range []struct {
		name string
		edge edge
		want string // part of the message; "" where the import is allowed
	}{
		{"lower floor", edge{from: "afterglow/apps", to: "afterglow/streams"}, ""},
		{"lowest floor", edge{from: "afterglow/rtmp", to: "afterglow/amf"}, ""},
		{"higher floor", edge{from: "afterglow/streams", to: "afterglow/netconn"}, "floor 2) imports afterglow/netconn (floor 3)"},
		{"same floor", edge{from: "afterglow/rtmp", to: "afterglow/media"}, "only lower floors"},
		{"same floor below", edge{from: "afterglow/rtmfp/group", to: "afterglow/media/flv"}, "only lower floors"},
		{"amf imports configs", edge{from: "afterglow/amf", to: "afterglow/configs"}, "only lower floors"},
		{"sub-package of its own", edge{from: "afterglow/media/flv", to: "afterglow/media"}, ""},
		{"external test on its floor", edge{from: "afterglow/rtmp", to: "afterglow/media/flv", external: true}, ""},
		{"external test upwards", edge{from: "afterglow/rtmp", to: "afterglow/netconn", external: true}, "only lower floors"},
		{"cmd imports all", edge{from: "afterglow/cmd/afterglow", to: "afterglow/admin"}, ""},
		{"cmd is imported", edge{from: "afterglow/admin", to: "afterglow/cmd/afterglow"}, "nothing imports cmd"},
		{"cmd is imported by a test", edge{from: "afterglow", to: "afterglow/cmd/afterglow", external: true}, "nothing imports cmd"},
		{"an example of a library", edge{from: "afterglow/examples/rtmfp-echo", to: "afterglow/rtmfp/flash"}, ""},
		{"an example is imported", edge{from: "afterglow/cmd/afterglow", to: "afterglow/examples/rtmfp-echo"}, "only lower floors"},
		{"tests of the house", edge{from: "afterglow", to: "afterglow/apps", external: true}, ""},
		{"no room", edge{from: "afterglow/apps", to: "afterglow/util"}, "in no room"},
		{"transport in netconn", edge{from: "afterglow/netconn", to: "afterglow/rtmp"}, "only: netconn/overrtmp alone"},
		{"transport in its place", edge{from: "afterglow/netconn/overrtmp", to: "afterglow/rtmp"}, ""},
		{"wrong transport", edge{from: "afterglow/netconn/overrtmp", to: "afterglow/rtmfp/flash"}, "only: netconn/overrtmfp alone"},
		{"transport in streams", edge{from: "afterglow/streams", to: "afterglow/rtmp"}, "only: netconn/overrtmp alone"},
		{"transport in apps", edge{from: "afterglow/apps", to: "afterglow/rtmp"}, "only: netconn/overrtmp alone"},
		{"transport in an external test", edge{from: "afterglow/netconn", to: "afterglow/rtmp", external: true}, ""},
		{"goja in apps", edge{from: "afterglow/apps", to: "github.com/dop251/goja/parser"}, "scripts are known"},
		{"goja_nodejs in cmd", edge{from: "afterglow/cmd/afterglow", to: "github.com/dop251/goja_nodejs/util"}, "scripts are known"},
		{"goja in scripting", edge{from: "afterglow/scripting", to: "github.com/dop251/goja"}, ""},
		{"sockets in netconn", edge{from: "afterglow/netconn", to: "net"}, "must not know"},
		{"addresses in netconn", edge{from: "afterglow/netconn", to: "net/netip"}, ""},
		{"sockets in overrtmp", edge{from: "afterglow/netconn/overrtmp", to: "net"}, ""},
		{"HTTP in apps", edge{from: "afterglow/apps", to: "net/http/httptest"}, "must not know"},
		{"AMF in rtmfp", edge{from: "afterglow/rtmfp/flash", to: "afterglow/amf"}, "must not know"},
		{"another module", edge{from: "afterglow/amf", to: "github.com/google/go-cmp/cmp"}, ""},
		{"a name alike", edge{from: "afterglow/netconn/overrtmp", to: "afterglow.example/rtmp"}, ""},
	} {
		got := strings.Join(violations([]edge{test.edge}), "\n")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestTwoWaysInOneRoomAreFound(t *testing.T) {
	got := violations([]edge{
		{from: "afterglow/media", to: "afterglow/media/flv"},
		{from: "afterglow/media/flv", to: "afterglow/media"},
	})
	if len(got) != 1 || !strings.Contains(got[0], "one direction") {
		t.Errorf("got %q", got)
	}
	if got := violations([]edge{
		{from: "afterglow/media", to: "afterglow/media/flv", external: true},
		{from: "afterglow/media/flv", to: "afterglow/media"},
	}); len(got) != 0 {
		t.Errorf("an external test: got %q", got)
	}
}
