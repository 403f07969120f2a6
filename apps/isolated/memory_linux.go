package isolated

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// residentMemory returns how much of a process is in memory, in bytes: files that it maps do not count, since the system takes
// them away when it needs the room.
func residentMemory(pid int) (bytes int64, known bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text)) // size, resident, shared, ...
	if len(fields) < 3 {
		return 0, false
	}
	resident, err1 := strconv.ParseInt(fields[1], 10, 64)
	shared, err2 := strconv.ParseInt(fields[2], 10, 64)
	if err1 != nil || err2 != nil {
		return 0, false
	}
	return (resident - shared) * int64(os.Getpagesize()), true
}
