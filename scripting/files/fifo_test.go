//go:build unix

package files

import (
	"path/filepath"
	"syscall"
	"testing"
)

func TestWhatMayBlockIsNotOpened(t *testing.T) {
	h := newHeap(t, nil)
	if err := syscall.Mkfifo(filepath.Join(h.root, "pipe"), 0o644); err != nil {
		t.Skip(err)
	}
	h.check(`var f = new File("pipe"); trace(f.exists, f.isFile, f.open("text", "read"), f.open("text", "append"), f.copyTo("x"), new File("a.txt").copyTo("pipe"))`,
		"true false false false false false")
}
