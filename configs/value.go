package configs

import (
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxPublishKey = 128
	maxPath       = 4096
)

// parse reads a value of the field's kind and tells whether it is one that the field may hold.
func (f field) parse(text string) (reflect.Value, bool) {
	v, ok := f.convert(text)
	if !ok || !f.permits(v) {
		return reflect.Value{}, false
	}
	return v, true
}

func (f field) convert(text string) (reflect.Value, bool) {
	switch {
	case f.kind == durationType:
		d, err := time.ParseDuration(text)
		return reflect.ValueOf(d), err == nil
	case f.kind == sizeType:
		size, err := ParseSize(text)
		return reflect.ValueOf(size), err == nil
	case f.kind == prefixesType:
		return convertPrefixes(text)
	case f.kind == textsType:
		return reflect.ValueOf(splitList(text)), true
	case f.kind == mapType:
		return f.convertMap(text)
	case f.kind.Kind() == reflect.Bool:
		return reflect.ValueOf(text == "true"), text == "true" || text == "false"
	case f.kind.Kind() == reflect.Int:
		n, err := strconv.Atoi(text)
		return reflect.ValueOf(n), err == nil
	default:
		return reflect.ValueOf(text).Convert(f.kind), true
	}
}

// convertPrefixes reads address ranges and single addresses, separated by commas.
func convertPrefixes(text string) (reflect.Value, bool) {
	var prefixes []netip.Prefix
	for _, item := range splitList(text) {
		prefix, err := netip.ParsePrefix(item)
		if address, single := netip.ParseAddr(item); single == nil {
			prefix, err = address.WithZone("").Prefix(address.BitLen())
		}
		if err != nil {
			return reflect.Value{}, false
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return reflect.ValueOf(prefixes), true
}

// splitList takes a list apart at its commas. Spaces around items are not theirs.
func splitList(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	items := strings.Split(text, ",")
	for i, item := range items {
		items[i] = strings.TrimSpace(item)
	}
	return items
}

// permits tells whether the field may hold the value, which is of its kind.
func (f field) permits(v reflect.Value) bool {
	switch {
	case len(f.choice) > 0:
		return slices.Contains(f.choice, v.String())
	case f.min != "":
		lowest, lowestOK := f.convert(f.min)
		highest, highestOK := f.convert(f.max)
		return lowestOK && highestOK && lowest.Int() <= v.Int() && v.Int() <= highest.Int()
	case f.kind == prefixesType:
		return !slices.ContainsFunc(v.Interface().([]netip.Prefix), func(p netip.Prefix) bool { return !p.IsValid() })
	case f.kind == textsType:
		return !slices.ContainsFunc(v.Interface().([]string), func(item string) bool { return !f.permitsText(item) })
	case f.kind == mapType:
		return entriesOf(f.check).permit(v.Interface().(map[string]string))
	case f.kind.Kind() == reflect.String:
		return f.permitsText(v.String())
	default:
		return true
	}
}

func (f field) permitsText(text string) bool {
	if text == "" {
		return f.empty
	}
	switch f.check {
	case "address":
		return validAddress(text)
	case "key":
		return validPublishKey(text)
	case "server":
		return validServer(text)
	case "redirector":
		_, err := ParseRedirector(text)
		return err == nil
	case "paths":
		return validPath(text) && !strings.Contains(text, `\`)
	default:
		return validPath(text)
	}
}

func validPath(text string) bool {
	return len(text) <= maxPath && !strings.ContainsFunc(text, isControl)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// validAddress tells whether a listener can be asked for the address; whether it gets it, only the system knows.
func validAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	for _, c := range []byte(host) {
		if !isAlphanumeric(c) && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}

// validPublishKey permits what stands in a URL as it is, since publishers type the key into one.
func validPublishKey(text string) bool {
	if len(text) > maxPublishKey {
		return false
	}
	for _, c := range []byte(text) {
		if !isAlphanumeric(c) && !strings.ContainsRune("-._~", rune(c)) {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// format returns the text that parse reads as the value.
func (f field) format(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case time.Duration:
		return value.String()
	case Size:
		return value.String()
	case []netip.Prefix:
		texts := make([]string, len(value))
		for i, p := range value {
			texts[i] = p.String()
		}
		return strings.Join(texts, ",")
	case []string:
		return strings.Join(value, ",")
	case map[string]string:
		return formatMap(value)
	case bool:
		return strconv.FormatBool(value)
	case int:
		return strconv.Itoa(value)
	default:
		return v.String()
	}
}
