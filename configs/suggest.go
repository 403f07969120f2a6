package configs

import (
	"slices"
	"strconv"
	"strings"
)

// maxSuggestedFor is the longest key for which a near one is sought, in bytes.
const maxSuggestedFor = 100

// unknownKey words the problem with a key that does not exist: the nearest one that does, or all in its place.
func unknownKey(key string) string {
	if isSection(key) {
		return "not a key by itself: allowed are " + strings.Join(keysBelow(key), ", ")
	}
	if whole, f, found := mapAbove(key); found {
		return "not a key by itself: " + whole + " is set as a whole, allowed are " + f.allowed()
	}
	if nearest := nearestKey(key); nearest != "" {
		return "unknown key: did you mean " + nearest + "?"
	}
	parent := ""
	if dot := strings.LastIndexByte(key, '.'); dot >= 0 && isSection(key[:dot]) {
		parent = key[:dot]
	}
	return "unknown key: allowed are " + strings.Join(keysBelow(parent), ", ")
}

// mapAbove finds the map that a key would be an entry of.
func mapAbove(key string) (whole string, f field, found bool) {
	for dot := strings.LastIndexByte(key, '.'); dot > 0; dot = strings.LastIndexByte(key[:dot], '.') {
		if f, _, found = locate(key[:dot]); found && f.kind == mapType {
			return key[:dot], f, true
		}
	}
	return "", field{}, false
}

// dottedKey words the problem with a key that holds dots in the file.
func dottedKey(key string) string {
	if _, _, found := locate(key); !found {
		return unknownKey(key)
	}
	words := strings.Split(key, ".")
	for i, word := range words {
		words[i] = strconv.Quote(word + ":")
	}
	return "dots are not allowed in the file: write " + strings.Join(words, " and below it ")
}

func unknownVariable(name string) string {
	names := make([]string, len(serverFields))
	for i, f := range serverFields {
		names[i] = EnvName(f.key)
	}
	if nearest := nearest(name, names); nearest != "" {
		return "unknown key: did you mean " + nearest + "?"
	}
	return "unknown key: allowed are AFTERGLOW_ and a key in upper case with _ for dots, such as AFTERGLOW_RTMP_LISTEN"
}

func badApplicationName(name string) string {
	if len(name) > maxShownValue {
		name = strings.ToValidUTF8(name[:maxShownValue], "") + "..."
	}
	return strconv.Quote(name) + " as the name of an application: allowed are " + allowedApplicationName
}

// keysBelow lists the full keys and sections right below a section; "" is the whole configuration.
func keysBelow(section string) []string {
	var keys []string
	for _, key := range keysLike(section) {
		rest, below := key, true
		if section != "" {
			rest, below = strings.CutPrefix(key, section+".")
		}
		if word, _, _ := strings.Cut(rest, "."); below && word != "" {
			keys = append(keys, join(section, word))
		}
	}
	if section == "applications" {
		keys = append(keys, "applications.NAME")
	}
	return slices.Compact(keys)
}

// keysLike lists every full key, with those of an application under the name that the given key has.
func keysLike(key string) []string {
	var keys []string
	if name, _, ok := splitApplication(key); ok {
		for _, f := range applicationFields {
			keys = append(keys, applicationsPrefix+name+"."+f.key)
		}
	}
	for _, f := range serverFields {
		keys = append(keys, f.key)
	}
	return keys
}

// nearestKey returns the existing key or section that was most likely meant, or "".
func nearestKey(key string) string {
	keys := keysLike(key)
	var candidates []string
	for _, k := range keys {
		candidates = append(candidates, k)
		for dot := strings.LastIndexByte(k, '.'); dot > 0; dot = strings.LastIndexByte(k[:dot], '.') {
			candidates = append(candidates, k[:dot])
		}
	}
	if found := nearest(key, candidates); found != "" {
		return found
	}
	word := key[strings.LastIndexByte(key, '.')+1:]
	for _, k := range keys {
		if strings.EqualFold(k[strings.LastIndexByte(k, '.')+1:], word) {
			return k
		}
	}
	return ""
}

// nearest returns the candidate with the fewest differing letters, or "" where more than a third of them differ.
// The sections that both share say nothing about likeness.
func nearest(text string, candidates []string) string {
	if len(text) > maxSuggestedFor {
		return ""
	}
	best, fewest := "", len(text)+1
	for _, candidate := range candidates {
		a, b := withoutSharedSections(strings.ToLower(text), strings.ToLower(candidate))
		if d := distance(a, b); d < fewest && d <= max(1, len(a)/3) {
			best, fewest = candidate, d
		}
	}
	return best
}

func withoutSharedSections(a, b string) (string, string) {
	start := 0
	for i := 0; i < min(len(a), len(b)) && a[i] == b[i]; i++ {
		if a[i] == '.' || a[i] == '_' {
			start = i + 1
		}
	}
	return a[start:], b[start:]
}

// distance is the number of letters to insert, remove, replace or swap with their neighbour to make b of a.
func distance(a, b string) int {
	var before, last []int // the rows of the two letters of a before this one
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
