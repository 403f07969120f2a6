package appcheck

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"afterglow/scripting"
)

// elsewhere are APIs that are supported without being in the heap from the beginning: NetServices comes with a file that scripts load,
// objects of the two SOAP classes with the answers of a service, and secure.asc alone has the functions.
var elsewhere = []string{"NetServices", "SOAPCall", "SOAPFault", "getGlobal", "protectObject"}

// plain are properties that scripts can set, as they can on every object, and that nothing looks at.
var plain = []string{"rtmfpBindAddresses", "rtmfpEndpointName"}

// TestWhatIsSupportedExists holds the table against the running engine.
func TestWhatIsSupportedExists(t *testing.T) {
	classes, err := scripting.Surface()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range APIs() {
		if a.Support == No || a.Kind == "event" || a.Class == "language" || slices.Contains(plain, a.Member) ||
			slices.Contains(elsewhere, a.Class) || slices.Contains(elsewhere, a.Member) {
			continue
		}
		members, known := classes[a.Class]
		if !known {
			t.Errorf("there is no class %s", a.Class)
			continue
		}
		member, _, _ := strings.Cut(a.Member, "#")
		if a.Kind != "class" && !slices.Contains(members, member) {
			t.Errorf("%s is said to be supported (%s) and is not there", a.Name(), a.Support)
		}
	}
}

// TestWhatExistsIsInTheTable finds members that were added to the engine and not to the table.
func TestWhatExistsIsInTheTable(t *testing.T) {
	classes, err := scripting.Surface()
	if err != nil {
		t.Fatal(err)
	}
	known := newTable()
	for class, members := range classes {
		if known.members[class] == nil {
			t.Errorf("the table has no class %s", class)
			continue
		}
		for _, m := range members {
			if known.members[class][m] == nil && !ofEveryClass[m] && !extras[class+"."+m] {
				t.Errorf("the table has no %s.%s", class, m)
			}
		}
	}
}

var ofEveryClass = map[string]bool{"constructor": true, "prototype": true, "name": true, "length": true}

// extras are members that Adobe's server did not have, or that belong to the language.
var extras = map[string]bool{"NetStream.close": true, "global.uneval": true, "global.__es3": true}

func TestTableIsWhole(t *testing.T) {
	docs, err := os.ReadFile("../../../docs/app-check.md")
	if err != nil {
		t.Fatal(err)
	}
	anchors := make(map[string]bool)
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(docs), -1) {
		anchors[strings.ReplaceAll(strings.ToLower(heading[1]), " ", "-")] = true
	}
	seen := make(map[string]bool)
	for _, a := range APIs() {
		key := a.Class + "." + a.Member
		if seen[key] {
			t.Errorf("%s stands twice", key)
		}
		seen[key] = true
		if !slices.Contains([]string{"class", "property", "method", "static", "event", "function"}, a.Kind) {
			t.Errorf("%s is a %q", key, a.Kind)
		}
		switch a.Support {
		case Yes:
		case Partly, No:
			if a.Note == "" || !anchors[a.Doc] {
				t.Errorf("%s: note %q, and docs/app-check.md has no heading %q", key, a.Note, a.Doc)
			}
		default:
			t.Errorf("%s: support is %q", key, a.Support)
		}
		if !seen[a.Class+"."] && a.Class != "global" && a.Class != "language" {
			t.Errorf("%s comes before its class", key)
		}
	}
}
