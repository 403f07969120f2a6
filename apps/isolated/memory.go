package isolated

import (
	"fmt"
	"time"
)

// memoryEvery is how often it is looked how much memory a process has.
const memoryEvery = 250 * time.Millisecond

// guardMemory kills the process when it has more memory than it may, where the system tells. It returns when the process has ended.
func (p *process) guardMemory() {
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.ended:
			return
		case <-tick.C:
		}
		has, known := residentMemory(p.command.Process.Pid)
		if !known {
			return
		}
		most := int64(p.worker.workers.settings(p.worker.name).Scripts.ProcessMemory)
		if has > most {
			p.kill(fmt.Errorf("it has %d MB of memory and may have %d (scripts.processMemory)", has>>20, most>>20))
			return
		}
	}
}
