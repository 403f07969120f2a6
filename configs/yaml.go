package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// file reads one YAML file as a layer. It works on the nodes of the document, for their lines, and never on decoded
// values: aliases are then refused before anything could grow.
func (l *loader) file(name string, data []byte) {
	at := origin{layer: l.layer, source: name}
	if len(data) > maxFile {
		l.report(at, "", "the file is larger than "+Size(maxFile).String()+" bytes")
		return
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return
	}
	if err != nil {
		l.syntax(at, data, err)
		return
	}
	l.section(at, "", document.Content[0])

	var further yaml.Node
	if err := decoder.Decode(&further); err == nil {
		at.line = further.Line
		l.report(at, "", "a second document: allowed is one")
	} else if !errors.Is(err, io.EOF) {
		l.syntax(at, data, err)
	}
}

var (
	yamlLine   = regexp.MustCompile(`^line (\d+): `)
	yamlAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// syntax reports what the YAML parser says. The parser puts the line into its text, one too low where it "did not find"
// something (and then it is the line where the broken block begins), and leaves it out for the first line and for anchors.
func (l *loader) syntax(at origin, data []byte, err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	at.line = 1
	if match := yamlLine.FindStringSubmatch(text); match != nil {
		at.line, _ = strconv.Atoi(match[1])
		text = text[len(match[0]):]
		if strings.HasPrefix(text, "did not find") {
			at.line++
			text += " here or below"
		}
	}
	if match := yamlAnchor.FindStringSubmatch(text); match != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+match[1]))
		at.line = 1 + bytes.Count(before, []byte("\n"))
		l.report(at, "", "an alias: allowed are values written out")
		return
	}
	l.report(at, "", "not YAML: "+text)
}

// section reads the keys below prefix, which is empty for the whole document.
func (l *loader) section(at origin, prefix string, node *yaml.Node) {
	at.line = node.Line
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" {
		return // all its keys may be commented out
	}
	if node.Kind != yaml.MappingNode {
		l.report(at, prefix, describe(node)+": allowed are the keys "+strings.Join(keysBelow(prefix), ", "))
		return
	}
	lines := make(map[string]int)
	for i := 0; i+1 < len(node.Content) && !l.full(); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		at.line = key.Line
		if key.Kind != yaml.ScalarNode {
			l.report(at, prefix, describe(key)+" as a key: allowed are "+strings.Join(keysBelow(prefix), ", "))
			continue
		}
		if first, twice := lines[key.Value]; twice {
			l.report(at, join(prefix, key.Value), fmt.Sprintf("set twice, first in line %d", first))
			continue
		}
		lines[key.Value] = key.Line
		l.entry(at, prefix, key.Value, value)
	}
}

// entry reads one key of a section and what it holds; at is the key's place.
func (l *loader) entry(at origin, prefix, word string, node *yaml.Node) {
	key := join(prefix, word)
	if strings.Contains(word, ".") {
		l.report(at, key, dottedKey(key))
		return
	}
	if name, rest, ok := splitApplication(key); ok && rest == "" {
		if !validApplicationName(name) {
			l.report(at, key, badApplicationName(name))
			return
		}
		if node.Kind == yaml.ScalarNode && nearest(key, []string{"applications.dir"}) != "" {
			l.report(at, key, "unknown key: did you mean applications.dir?")
			return
		}
		l.name(name)
	}
	if isSection(key) {
		l.section(at, key, node)
		return
	}
	if _, _, found := locate(key); !found {
		l.report(at, key, unknownKey(key))
		return
	}
	l.value(at, key, node)
}

// value reads what a key holds.
func (l *loader) value(at origin, key string, node *yaml.Node) {
	f, _, _ := locate(key)
	at.line = node.Line
	if node.Kind == yaml.SequenceNode && f.kind.Kind() == reflect.Slice {
		l.list(at, f, key, node)
		return
	}
	if f.kind == mapType && (node.Kind == yaml.MappingNode || node.ShortTag() == "!!null") {
		l.mapping(at, f, key, node)
		return
	}
	if node.Kind != yaml.ScalarNode || node.ShortTag() == "!!null" {
		l.report(at, key, describe(node)+": allowed is "+f.allowed())
		return
	}
	l.assign(at, key, node.Value)
}

// list reads a sequence; a bad item is reported in its own line.
func (l *loader) list(at origin, f field, key string, node *yaml.Node) {
	var items []string
	for _, item := range node.Content {
		at.line = item.Line
		if item.Kind != yaml.ScalarNode || item.Value == "" {
			l.report(at, key, describe(item)+": allowed is "+f.allowed())
			return
		}
		if _, ok := f.parse(item.Value); !ok {
			l.report(at, key, refusal(f, item.Value))
			return
		}
		items = append(items, item.Value)
	}
	at.line = node.Line
	l.assign(at, key, strings.Join(items, ","))
}

// describe names what stands where something else is expected.
func describe(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.AliasNode:
		return "an alias"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Kind == yaml.MappingNode:
		return "keys"
	case node.ShortTag() == "!!null" || node.Value == "":
		return "no value"
	default:
		return "a single value"
	}
}

func join(prefix, word string) string {
	if prefix == "" {
		return word
	}
	return prefix + "." + word
}
