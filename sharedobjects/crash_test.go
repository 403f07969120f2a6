package sharedobjects

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// childEnv makes the test binary work on the file that it names until it is killed.
const childEnv = "SHAREDOBJECTS_CHILD"

// child changes objects and tells what it has done: "version" NAME VERSION for what was handed out, "durable" COUNT for what
// must not be lost, and "set" COUNT for what may be there.
func child(path string) int {
	s, err := Open(path, Options{CommitInterval: 20 * time.Millisecond})
	if err != nil {
		fmt.Println("error", err, "0")
		return 1
	}
	n := s.Instance("app", "room")
	kept, silent := childObject(n, "kept"), childObject(n, "silent")
	start, _ := kept.Get("a")
	count, _ := start.(float64)
	for round := 0; ; round++ {
		count++
		fmt.Println("set kept", int(count))
		kept.Begin()
		kept.Set("a", count)
		kept.Set("b", count)
		kept.Delete(fmt.Sprint(int(count) % 10))
		fmt.Println("version kept", kept.Commit())
		n.Commit(kept)
		if round%5 == 0 && n.Flush(kept) != nil {
			return 1
		}
		if !kept.Dirty() {
			fmt.Println("durable kept", int(count))
		}
		for range credit / 4 {
			silent.Set("x", count) // without ever being committed
		}
		fmt.Println("version silent", silent.Version())
		passing := childObject(n, "passing")
		passing.Set("x", count)
		fmt.Println("version passing", passing.Version())
		n.Commit(passing)
		if round%3 == 0 {
			n.Remove("passing")
		}
		n.Release(passing)
	}
}

func childObject(n *Namespace, name string) *Object {
	o, err := n.Load(name)
	if errors.Is(err, ErrNotFound) {
		return n.Create(name)
	}
	return o
}

// witness is what the parent has heard.
type witness struct {
	version      map[string]uint32
	set, durable int
}

func (w *witness) hear(t *testing.T, line string) {
	var what, name string
	var value int
	if _, err := fmt.Sscan(line, &what, &name, &value); err != nil {
		return // cut off by the end
	}
	switch what {
	case "set":
		w.set = value
	case "durable":
		w.durable = value
	case "version":
		if uint32(value) <= w.version[name] {
			t.Errorf("version %d of %s comes after %d", value, name, w.version[name])
		}
		w.version[name] = uint32(value)
	default:
		t.Fatal(line)
	}
}

func TestKilledProcessLosesNothingDurableAndNoVersionComesTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "objects.db")
	w := &witness{version: make(map[string]uint32)}
	for round := range 6 {
		runAndKill(t, path, w, 20+round*57)
		if round%2 == 0 {
			checkAfterKill(t, path, w)
		}
	}
	if w.durable == 0 {
		t.Error("nothing became durable")
	}
}

// runAndKill kills a child after so many lines, and hears also what it said after them.
func runAndKill(t *testing.T, path string, w *witness, lines int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for heard := 0; scanner.Scan(); heard++ {
		w.hear(t, scanner.Text())
		if heard == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
}

func checkAfterKill(t *testing.T, path string, w *witness) {
	t.Helper()
	s := openStore(t, path, Options{})
	defer s.Close()
	n := s.Instance("app", "room")
	o := load(t, n, "kept")
	a, _ := o.Get("a")
	b, _ := o.Get("b")
	if a != b {
		t.Errorf("half a batch is there: %v and %v", a, b)
	}
	if count, _ := a.(float64); int(count) < w.durable || int(count) > w.set {
		t.Errorf("%v is there, %d was durable, %d was the last", a, w.durable, w.set)
	}
	if o.Version() <= w.version["kept"] {
		t.Errorf("version %d after %d", o.Version(), w.version["kept"])
	}
	if d := o.Changes(w.version["kept"]); !d.Clear {
		t.Errorf("a client gets %+v, although what it has may be lost", d)
	}
	n.Release(o)
	w.set = int(a.(float64))
}
