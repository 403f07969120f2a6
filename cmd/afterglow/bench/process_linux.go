package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clockTick is the unit of times in /proc/PID/stat, USER_HZ, which is 100 on every Linux port that Go has.
const clockTick = time.Second / 100

// usage is what processes have used up to a moment, and hold at it.
type usage struct {
	ticks       time.Duration
	threads     map[int]time.Duration // processor time by thread
	rss         int64                 // bytes
	voluntary   int64
	involuntary int64
	descriptors int
	processes   int
}

// readUsage sums over processes and their descendants. It fails when one of pids is gone.
func readUsage(pids []int) (usage, error) {
	u := usage{threads: map[int]time.Duration{}}
	for _, pid := range pids {
		if err := u.add(pid); err != nil {
			return u, fmt.Errorf("process %d: %w", pid, err)
		}
	}
	for _, pid := range descendants(pids) {
		// A descendant may end while it is looked at.
		_ = u.add(pid)
	}
	return u, nil
}

// readSelf returns what this process uses.
func readSelf() (usage, error) {
	u := usage{threads: map[int]time.Duration{}}
	return u, u.add(os.Getpid())
}

func (u *usage) add(pid int) error {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	fields, err := statFields(pid)
	if err != nil {
		return err
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	u.ticks += time.Duration(user+system) * clockTick
	u.processes++
	tasks, err := os.ReadDir(filepath.Join(dir, "task"))
	if err != nil {
		return err
	}
	for _, t := range tasks {
		u.addThread(filepath.Join(dir, "task", t.Name()), t.Name())
	}
	u.rss += resident(dir)
	if files, err := os.ReadDir(filepath.Join(dir, "fd")); err == nil {
		u.descriptors += len(files)
	}
	return nil
}

func (u *usage) addThread(dir, name string) {
	tid, err := strconv.Atoi(name)
	if err != nil {
		return
	}
	u.threads[tid] = threadTime(dir)
	status, _ := os.ReadFile(filepath.Join(dir, "status"))
	u.voluntary += field(status, "voluntary_ctxt_switches:")
	u.involuntary += field(status, "nonvoluntary_ctxt_switches:")
}

// threadTime reads nanoseconds of processor time from a thread's schedstat, 0 where the kernel has none.
func threadTime(dir string) time.Duration {
	b, err := os.ReadFile(filepath.Join(dir, "schedstat"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), " ")
	n, _ := strconv.ParseInt(first, 10, 64)
	return time.Duration(n)
}

// resident prefers smaps_rollup: the figure in status lags behind by what each processor has not summed up yet.
func resident(dir string) int64 {
	for _, f := range []struct{ file, key string }{{"smaps_rollup", "Rss:"}, {"status", "VmRSS:"}} {
		if b, err := os.ReadFile(filepath.Join(dir, f.file)); err == nil {
			if n := field(b, f.key); n > 0 {
				return n << 10
			}
		}
	}
	return 0
}

// field finds a line that begins with key and returns the number in it.
func field(b []byte, key string) int64 {
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), key)
		if !ok {
			continue
		}
		if f := strings.Fields(rest); len(f) > 0 {
			n, _ := strconv.ParseInt(f[0], 10, 64)
			return n
		}
	}
	return 0
}

// since returns what was used between an earlier look and this one.
func (u usage) since(old usage) time.Duration {
	var exact time.Duration
	for tid, t := range u.threads {
		exact += t - old.threads[tid]
	}
	coarse := u.ticks - old.ticks
	// Threads that ended took their exact time with them; the process's sum keeps it.
	if exact < coarse-2*clockTick {
		return coarse
	}
	return exact
}

// statFields returns the fields of /proc/PID/stat behind the command's name.
func statFields(pid int) ([]string, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("not running")
	}
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return nil, errors.New("unreadable stat")
	}
	return fields, nil
}

// descendants returns the children of pids, and theirs.
func descendants(pids []int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if fields, err := statFields(pid); err == nil {
			parent, _ := strconv.Atoi(fields[1])
			children[parent] = append(children[parent], pid)
		}
	}
	var found []int
	for queue := slices.Clone(pids); len(queue) > 0; queue = queue[1:] {
		for _, child := range children[queue[0]] {
			if !slices.Contains(pids, child) && !slices.Contains(found, child) {
				found = append(found, child)
				queue = append(queue, child)
			}
		}
	}
	return found
}

// coreBusy returns how long a core has worked for anybody, time stolen from the machine included; 0 for no core.
func coreBusy(cpu int) time.Duration {
	if cpu < 0 {
		return 0
	}
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	prefix := fmt.Sprintf("cpu%d ", cpu)
	for line := range strings.Lines(string(b)) {
		rest, ok := strings.CutPrefix(line, prefix)
		if !ok {
			continue
		}
		var ticks int64
		// user, nice, system, idle, iowait, irq, softirq, steal; guests are part of user
		for i, f := range strings.Fields(rest) {
			if n, err := strconv.ParseInt(f, 10, 64); err == nil && i != 3 && i != 4 && i < 8 {
				ticks += n
			}
		}
		return time.Duration(ticks) * clockTick
	}
	return 0
}

// pinProcess binds all threads of this process, and so those still to come, to a core.
func pinProcess(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	// A second round catches threads that an unbound thread has started meanwhile.
	for range 2 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, t := range tasks {
			tid, _ := strconv.Atoi(t.Name())
			if err := unix.SchedSetaffinity(tid, &set); err != nil && err != unix.ESRCH {
				return fmt.Errorf("pin to core %d: %w", cpu, err)
			}
		}
	}
	return nil
}

// raiseFileLimit asks for as many descriptors as may be had and returns how many that is.
func raiseFileLimit() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	limit.Cur = limit.Max
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	return int(min(limit.Cur, 1<<30))
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
