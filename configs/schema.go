package configs

import (
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// field is one key of the configuration: where it lives in its struct and what it may hold.
type field struct {
	key    string // full, but relative to the application for a field of Overrides
	index  []int
	kind   reflect.Type // of the value; Overrides hold pointers to it, or a map itself
	choice []string
	min    string
	max    string
	check  string
	empty  bool
	secret bool
	reload bool
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	sizeType     = reflect.TypeFor[Size]()
	prefixesType = reflect.TypeFor[[]netip.Prefix]()
	textsType    = reflect.TypeFor[[]string]()
	mapType      = reflect.TypeFor[map[string]string]()
)

// The keys of the server and those that an application may override, in the order of their structs.
var (
	serverFields      = fieldsOf(reflect.TypeFor[Config](), "", nil)
	applicationFields = inheritLimits(fieldsOf(reflect.TypeFor[Overrides](), "", nil), serverFields)
)

func fieldsOf(t reflect.Type, prefix string, index []int) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, tagged := f.Tag.Lookup("key")
		if !tagged {
			continue // applications by name: see locate
		}
		at := append(append([]int{}, index...), i)
		kind := f.Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if kind.Kind() == reflect.Struct {
			fields = append(fields, fieldsOf(kind, prefix+name+".", at)...)
			continue
		}
		fields = append(fields, field{
			key:    prefix + name,
			index:  at,
			kind:   kind,
			choice: strings.Fields(f.Tag.Get("oneof")),
			min:    f.Tag.Get("min"),
			max:    f.Tag.Get("max"),
			check:  f.Tag.Get("check"),
			empty:  f.Tag.Get("empty") == "yes",
			secret: f.Tag.Get("secret") == "yes",
			reload: f.Tag.Get("reload") == "yes",
		})
	}
	return fields
}

// inheritLimits gives each override the limits of the server's key of the same name.
func inheritLimits(overrides, server []field) []field {
	byKey := make(map[string]field)
	for _, f := range server {
		byKey[f.key] = f
	}
	for i, o := range overrides {
		if f, found := byKey[o.key]; found {
			f.index, f.kind = o.index, o.kind
			overrides[i] = f
		}
	}
	return overrides
}

// override returns what the field has in the given Overrides, if it is set there.
func (f field) override(own reflect.Value) (value reflect.Value, set bool) {
	v := own.FieldByIndex(f.index)
	switch {
	case v.IsNil():
		return reflect.Value{}, false
	case v.Kind() == reflect.Pointer:
		return v.Elem(), true
	default:
		return v, true
	}
}

// setOverride sets the field in the given Overrides.
func (f field) setOverride(own, value reflect.Value) {
	if f.kind == mapType {
		own.FieldByIndex(f.index).Set(value)
		return
	}
	pointer := reflect.New(f.kind)
	pointer.Elem().Set(value)
	own.FieldByIndex(f.index).Set(pointer)
}

const applicationsPrefix = "applications."

// splitApplication takes "applications.NAME.publish.key" apart into NAME and "publish.key".
func splitApplication(key string) (name, rest string, ok bool) {
	inner, ok := strings.CutPrefix(key, applicationsPrefix)
	if !ok || inner == "dir" {
		return "", "", false
	}
	name, rest, _ = strings.Cut(inner, ".")
	return name, rest, true
}

// locate finds the field of a full key, and the application that it belongs to, if any.
func locate(key string) (f field, application string, found bool) {
	fields, rest := serverFields, key
	if name, inner, ok := splitApplication(key); ok {
		fields, rest, application = applicationFields, inner, name
	}
	for _, f := range fields {
		if f.key == rest {
			return f, application, true
		}
	}
	return field{}, "", false
}

// isSection tells whether keys lie below the given one.
func isSection(key string) bool {
	fields, rest := serverFields, key
	if name, inner, ok := splitApplication(key); ok {
		if inner == "" {
			return validApplicationName(name)
		}
		fields, rest = applicationFields, inner
	}
	for _, f := range fields {
		if strings.HasPrefix(f.key, rest+".") {
			return true
		}
	}
	return false
}

// allowed says what the field may hold.
func (f field) allowed() string {
	text := f.allowedValue()
	if f.empty {
		return text + `, or ""`
	}
	return text
}

func (f field) allowedValue() string {
	switch {
	case len(f.choice) > 0:
		return orList(f.choice)
	case f.kind == durationType:
		return "a time from " + f.min + " to " + f.max + ", such as " + f.examples("500ms", "10s", "1m")
	case f.kind == sizeType:
		return "a number of bytes from " + f.min + " to " + f.max + ", such as " + f.examples("4096", "64KB", "4MB", "1GB")
	case f.kind == prefixesType:
		return `a list of address ranges, such as "10.0.0.0/8" or "2001:db8::1"`
	case f.kind == mapType:
		return entriesOf(f.check).allowed
	case f.check == "server":
		return `a list of host:port, such as "192.0.2.1:1935" or "other.example:1935"`
	case f.check == "redirector":
		return "a list of rtmfp://user:password@host:port/NAME"
	case f.kind.Kind() == reflect.Bool:
		return "true or false"
	case f.kind.Kind() == reflect.Int:
		return "a whole number from " + f.min + " to " + f.max
	case f.check == "address":
		return `host:port, such as ":1935", "127.0.0.1:0" or "[::1]:1935"`
	case f.check == "key":
		return `1 to ` + strconv.Itoa(maxPublishKey) + ` letters, digits, "-", ".", "_" and "~"`
	case f.check == "folders":
		return `folders, separated by ";"`
	case f.check == "paths":
		return `paths, separated by ";", such as "/" or "/samples;/music"`
	default:
		return "a path"
	}
}

// examples are the first two of the texts that the field may hold.
func (f field) examples(texts ...string) string {
	var fitting []string
	for _, text := range texts {
		if _, ok := f.parse(text); ok && len(fitting) < 2 {
			fitting = append(fitting, strconv.Quote(text))
		}
	}
	return strings.Join(fitting, " or ")
}

func orList(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
