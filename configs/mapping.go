package configs

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	maxEntries      = 1000
	maxVariableName = 64
	maxVariable     = 4096
	maxDirectory    = 255
)

// entries says what a map may hold.
type entries struct {
	allowed, allowedName, allowedValue string

	validName, validValue func(string) bool
}

// entriesOf returns what the maps of a "check" tag may hold.
func entriesOf(check string) entries {
	if check == "directories" {
		return entries{
			allowed:      `up to 1000 names with their folders, such as {"/media": "./media"}`,
			allowedName:  `"/" and a name or several with "/" between them, such as "/media"`,
			allowedValue: "a path",
			validName:    validDirectory,
			validValue:   func(text string) bool { return text != "" && utf8.ValidString(text) && validPath(text) },
		}
	}
	return entries{
		allowed:      `up to 1000 names with their values, such as {title: "News", rows: 20}`,
		allowedName:  `1 to 64 letters, digits, "_" and "$", and not a digit first`,
		allowedValue: "a text of up to 4096 bytes, a number, true or false",
		validName:    validVariableName,
		validValue:   func(text string) bool { return len(text) <= maxVariable && utf8.ValidString(text) },
	}
}

// permit tells whether the map may be so.
func (e entries) permit(values map[string]string) bool {
	for name, value := range values {
		if !e.validName(name) || !e.validValue(value) {
			return false
		}
	}
	return len(values) <= maxEntries
}

// read takes the entries from a YAML mapping, or tells what is wrong with those that are not allowed, by their names.
func (e entries) read(node *yaml.Node, report func(line int, name, problem string)) map[string]string {
	values, lines := make(map[string]string), make(map[string]int)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if len(values) == maxEntries {
			report(key.Line, "", "more than "+strconv.Itoa(maxEntries)+" entries: allowed are "+e.allowed)
			break
		}
		if problem := e.problem(key, value); problem != "" {
			report(key.Line, key.Value, problem)
			continue
		}
		if first, twice := lines[key.Value]; twice {
			report(key.Line, key.Value, fmt.Sprintf("set twice, first in line %d", first))
			continue
		}
		values[key.Value], lines[key.Value] = value.Value, key.Line
	}
	return values
}

// problem says what is wrong with an entry, or "". It does not repeat the value, which may be a secret.
func (e entries) problem(key, value *yaml.Node) string {
	switch {
	case key.Kind != yaml.ScalarNode:
		return describe(key) + " as a name: allowed is " + e.allowedName
	case !e.validName(key.Value):
		return "not a name for it: allowed is " + e.allowedName
	case value.Kind != yaml.ScalarNode || value.ShortTag() == "!!null":
		return describe(value) + ": allowed is " + e.allowedValue
	case !e.validValue(value.Value):
		return "not a value for it: allowed is " + e.allowedValue
	default:
		return ""
	}
}

// mapping reads a map; a bad entry is reported in its own line.
func (l *loader) mapping(at origin, f field, key string, node *yaml.Node) {
	if node.Kind != yaml.MappingNode {
		return // all its entries may be commented out
	}
	good := true
	values := entriesOf(f.check).read(node, func(line int, name, problem string) {
		good = false
		entry, place := key, at
		if name != "" {
			entry = join(key, name)
		}
		place.line = line
		l.report(place, entry, problem)
	})
	if !good {
		return
	}
	_, application, _ := locate(key)
	l.store(at, f, application, key, reflect.ValueOf(values))
}

// convertMap reads the form that formatMap writes, and any other YAML mapping in one piece. A blank text is an empty map.
func (f field) convertMap(text string) (reflect.Value, bool) {
	if strings.TrimSpace(text) == "" {
		return reflect.ValueOf(map[string]string{}), true
	}
	node, ok := onlyMapping(text)
	if !ok {
		return reflect.Value{}, false
	}
	good := true
	values := entriesOf(f.check).read(node, func(int, string, string) { good = false })
	return reflect.ValueOf(values), good
}

// onlyMapping returns the YAML mapping that the text consists of.
func onlyMapping(text string) (*yaml.Node, bool) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var document, further yaml.Node
	if len(text) > maxFile || decoder.Decode(&document) != nil || !errors.Is(decoder.Decode(&further), io.EOF) {
		return nil, false
	}
	node := document.Content[0]
	return node, node.Kind == yaml.MappingNode
}

// formatMap writes a map in one line, in the order of the names. YAML reads whatever strconv.Quote writes of valid UTF-8.
func formatMap(values map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(name) + ": " + strconv.Quote(values[name]))
	}
	return "{" + b.String() + "}"
}

// validVariableName permits what a script can write behind a dot.
func validVariableName(text string) bool {
	if text == "" || len(text) > maxVariableName || '0' <= text[0] && text[0] <= '9' {
		return false
	}
	for _, c := range []byte(text) {
		if !isAlphanumeric(c) && c != '_' && c != '$' {
			return false
		}
	}
	return true
}

// validDirectory permits "/" and the path of a folder, without parts that mean another one (server-side-api 2.8).
func validDirectory(text string) bool {
	path, absolute := strings.CutPrefix(text, "/")
	if !absolute || len(text) > maxDirectory || !utf8.ValidString(text) || strings.Contains(text, `\`) || strings.ContainsFunc(text, isControl) {
		return false
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}
