package bench

import (
	"net"
	"path/filepath"
	"strconv"
	"time"
)

// rtmpSide has threads of players over RTMP, or over the floor's frames.
type rtmpSide struct {
	address   *net.TCPAddr
	canned    []*canned // by stream
	workers   []*worker
	addresses int
	added     int // ever, for threads and source addresses
}

func newRTMPSide(o *Options, t target) (*rtmpSide, error) {
	address, err := net.ResolveTCPAddr("tcp", t.address)
	if err != nil {
		return nil, err
	}
	s := &rtmpSide{address: address, addresses: o.Addresses}
	for i := range o.streams() {
		c, err := newCanned(t, o.streamName(i), i)
		if err != nil {
			return nil, err
		}
		s.canned = append(s.canned, c)
	}
	_, rate, _ := parseSlow(o.Slow)
	for range o.Threads {
		w, err := newWorker(o.raw != nil, rate)
		if err != nil {
			s.close()
			return nil, err
		}
		s.workers = append(s.workers, w)
	}
	return s, nil
}

// add implements side: on the next thread and source address.
func (s *rtmpSide) add(r role, stream int) error {
	w := s.workers[s.added%len(s.workers)]
	var from net.IP
	if s.address.IP.IsLoopback() && s.address.IP.To4() != nil {
		addresses := max(s.addresses, min(s.added/playersPerIP+1, maxLoopbackHost))
		from = net.IPv4(127, 0, 0, byte(1+s.added%addresses))
	}
	s.added++
	w.do(func() { w.add(s.canned[stream], r, s.address, from) })
	return nil
}

func (s *rtmpSide) crews() (all []crew) {
	for _, w := range s.workers {
		all = append(all, w)
	}
	return all
}

func (s *rtmpSide) clear() {
	for _, w := range s.workers {
		w.do(w.clear)
	}
}

func (s *rtmpSide) close() {
	for _, w := range s.workers {
		w.stop()
	}
}

// threadTimes is the processor time that each thread of players has used.
func (s *rtmpSide) threadTimes() (times []time.Duration) {
	for _, w := range s.workers {
		times = append(times, threadTime(filepath.Join("/proc/self/task", strconv.FormatInt(w.thread.Load(), 10))))
	}
	return times
}
