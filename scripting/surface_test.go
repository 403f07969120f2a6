package scripting_test

import (
	"slices"
	"testing"

	"afterglow/scripting"
)

func TestSurfaceListsClassesWithTheirMembers(t *testing.T) {
	classes, err := scripting.Surface()
	if err != nil {
		t.Fatal(err)
	}
	for class, members := range map[string][]string{
		"Application": {"acceptConnection", "clients", "name"}, "Client": {"call", "readAccess"}, "Stream": {"get", "play", "name"},
		"XML": {"firstChild", "ignoreWhite", "load"}, "ByteArray": {"readInt"}, "global": {"trace", "setInterval"}, "NetGroup": nil,
	} {
		got, ok := classes[class]
		if !ok {
			t.Errorf("no %s", class)
		}
		for _, m := range members {
			if !slices.Contains(got, m) {
				t.Errorf("%s has no %s, but %v", class, m, got)
			}
		}
	}
	for _, name := range []string{"Array", "Object", "Date"} {
		if _, ok := classes[name]; ok {
			t.Errorf("%s is the language's", name)
		}
	}
}
