package configs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

// The units of sizes.
const (
	KB Size = 1 << 10
	MB Size = 1 << 20
	GB Size = 1 << 30
	TB Size = 1 << 40
)

// ParseSize reads a number of bytes such as "4096", "64KB", "16 MB", "1GB" or "1TB"; a KB is 1,024 bytes and so on.
// Units may be written small. The error says which text is no size.
func ParseSize(text string) (Size, error) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	number, err := strconv.ParseInt(text[:digits], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size", text)
	}
	unit, known := map[string]Size{"": 1, "B": 1, "KB": KB, "MB": MB, "GB": GB, "TB": TB}[strings.ToUpper(strings.TrimLeft(text[digits:], " "))]
	if !known || number > math.MaxInt64/int64(unit) {
		return 0, fmt.Errorf("%q is not a size", text)
	}
	return Size(number) * unit, nil
}

// String returns the size in the largest unit that leaves a whole number, in the form that [ParseSize] reads.
func (s Size) String() string {
	for _, unit := range []struct {
		size Size
		name string
	}{{TB, "TB"}, {GB, "GB"}, {MB, "MB"}, {KB, "KB"}} {
		if s >= unit.size && s%unit.size == 0 {
			return strconv.FormatInt(int64(s/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}
