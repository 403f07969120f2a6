package rtmfpload

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"golang.org/x/sys/unix"

	"afterglow/cmd/afterglow/bench"
)

// meter measures what this process uses.
type meter struct {
	started time.Time
	cpu     unix.Rusage
	memory  runtime.MemStats
	profile *os.File
}

// startMeter also begins a CPU profile, if it is told where to write it.
func startMeter(profile string) (*meter, error) {
	m := &meter{}
	if profile != "" {
		var err error
		if m.profile, err = os.Create(profile); err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(m.profile); err != nil {
			return nil, err
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&m.memory)
	m.started = time.Now()
	return m, unix.Getrusage(unix.RUSAGE_SELF, &m.cpu)
}

// stop returns what was used since the start.
func (m *meter) stop() (Use, error) {
	var cpu unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &cpu)
	u := Use{
		Seconds:       time.Since(m.started).Seconds(),
		CPUSeconds:    (spent(&cpu) - spent(&m.cpu)).Seconds(),
		SystemSeconds: time.Duration(cpu.Stime.Nano() - m.cpu.Stime.Nano()).Seconds(),
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	u.Allocations = memory.Mallocs - m.memory.Mallocs
	if m.profile != nil {
		pprof.StopCPUProfile()
		if e := m.profile.Close(); err == nil {
			err = e
		}
	}
	return u, err
}

// spent is the processor time of user and kernel together, which the kernel knows to the nanosecond.
func spent(r *unix.Rusage) time.Duration { return time.Duration(r.Utime.Nano() + r.Stime.Nano()) }

// holds tells what this process holds in memory.
func holds() Memory {
	var m Memory
	m.RSS = bench.ResidentSelf()
	runtime.GC()
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	m.Heap, m.Stacks, m.Released = int64(stats.HeapAlloc), int64(stats.StackInuse), bench.ResidentSelf()
	return m
}
