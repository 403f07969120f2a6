//go:build !linux

package isolated

// residentMemory is not to be had here: the worker's own limit on its heap has to do.
func residentMemory(int) (bytes int64, known bool) { return 0, false }
