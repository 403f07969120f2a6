package sharedobjects

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// run is the store's goroutine. Nothing else writes to the file.
func (s *Store) run() {
	defer close(s.done)
	delay := s.options.CommitInterval / 2
	timer := time.NewTimer(delay)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-s.dirty:
			timer.Reset(delay)
		case <-timer.C:
			s.write(false)
		case <-s.urgent:
			s.write(false)
		case <-s.closing:
			err := s.write(true)
			s.closeErr = errors.Join(err, s.db.Close())
			return
		}
	}
}

// write makes one transaction of all that is pending, and at the end of the last of a run notes that it has ended well.
func (s *Store) write(last bool) error {
	s.mu.Lock()
	batch, waiters := s.pending, s.waiters
	s.pending, s.waiters, s.inFlight = make(map[objectKey]*entry), nil, batch
	mark := len(s.leases) > 0 && !s.running
	s.mu.Unlock()

	var err error
	if len(batch) > 0 || mark || (last && s.running) {
		err = s.transact(batch, mark, last)
	}
	s.finish(batch, err, mark)
	for _, w := range waiters {
		w <- err
	}
	return err
}

// finish tells the owners what is durable, or takes back what is not.
func (s *Store) finish(batch map[objectKey]*entry, err error, marked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight = nil
	if err != nil {
		s.takeBack(batch, err)
		return
	}
	if len(batch) > 0 || marked {
		s.stats.Transactions++
	}
	s.running = s.running || marked
	for key, e := range batch {
		if e.settle && s.leases[key] == e.lease {
			delete(s.leases, key)
		}
		if e.from != nil {
			e.from.durable.Store(e.serial)
		}
	}
}

// takeBack puts a batch that failed under what has become pending since.
func (s *Store) takeBack(batch map[objectKey]*entry, err error) {
	s.stats.Failures++
	s.options.Log.Error("shared objects could not be written; trying again",
		slog.String("file", s.path), slog.Int("objects", len(batch)), slog.Any("error", err))
	for key, later := range s.pending {
		if e := batch[key]; e != nil {
			e.overlay(later)
		} else {
			batch[key] = later
		}
	}
	s.pending = batch
	signal(s.dirty)
}

// stage hands an entry to the writer. After Close it is lost.
func (s *Store) stage(key objectKey, e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.options.Log.Warn("shared object changed after its store was closed",
			slog.String("file", s.path), slog.String("object", key.name))
		return
	}
	if len(s.pending) == 0 {
		signal(s.dirty)
	}
	if before := s.pending[key]; before != nil {
		before.overlay(e)
		return
	}
	s.pending[key] = e
}

// sync returns when all that was staged before is durable.
func (s *Store) sync() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	done := make(chan error, 1)
	s.waiters = append(s.waiters, done)
	s.mu.Unlock()
	signal(s.urgent)
	if err := <-done; err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	return nil
}

// settled returns when nothing is pending of an object.
func (s *Store) settled(key objectKey) error {
	s.mu.Lock()
	closed, busy := s.closed, s.pending[key] != nil || s.inFlight[key] != nil
	s.mu.Unlock()
	if closed {
		return ErrClosed
	}
	if !busy {
		return nil
	}
	return s.sync()
}

// settledAll returns when nothing is pending of an instance.
func (s *Store) settledAll(instance string) error {
	s.mu.Lock()
	closed, busy := s.closed, hasInstance(s.pending, instance) || hasInstance(s.inFlight, instance)
	s.mu.Unlock()
	if closed {
		return ErrClosed
	}
	if !busy {
		return nil
	}
	return s.sync()
}

func hasInstance(m map[objectKey]*entry, instance string) bool {
	for key := range m {
		if key.instance == instance {
			return true
		}
	}
	return false
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
