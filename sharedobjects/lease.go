package sharedobjects

import (
	"log/slog"

	"go.etcd.io/bbolt"
)

// acquire returns the lease of an object that its owner begins to use; issued is the last version that may be known. When it
// returns, the file says that versions are handed out in this run.
func (s *Store) acquire(key objectKey, issued uint32) *lease {
	s.mu.Lock()
	if e := s.pending[key]; e != nil {
		e.settle = false // could not be written; the object is in use again
	}
	l := s.leases[key]
	if l == nil {
		l = &lease{}
		l.issued.Store(issued)
		l.limit.Store(addVersions(issued, credit))
		s.leases[key] = l
	}
	running := s.running || s.closed
	s.mu.Unlock()
	if running {
		return l
	}
	if err := s.sync(); err != nil {
		s.options.Log.Error("shared object versions may repeat after a crash", slog.String("object", key.name), slog.Any("error", err))
	}
	return l
}

// extend returns when the version may be handed out. If the file cannot be written it may be all the same, since stopping the
// application would be worse.
func (s *Store) extend(key objectKey, l *lease, version uint32) {
	s.stage(key, &entry{lease: l})
	if err := s.sync(); err != nil {
		s.options.Log.Error("shared object versions may repeat after a crash", slog.String("object", key.name), slog.Any("error", err))
	}
	if l.limit.Load() < version {
		l.limit.Store(addVersions(version, credit))
	}
}

func (s *Store) leaseOf(key objectKey) *lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leases[key]
}

// issuedOf returns a version above which nobody can know an object.
func (s *Store) issuedOf(key objectKey) uint32 {
	if err := s.settled(key); err != nil {
		s.options.Log.Warn("shared object is created while it cannot be written",
			slog.String("object", key.name), slog.Any("error", err))
	}
	var issued uint32
	err := s.view(func(tx *bbolt.Tx) error {
		issued, _ = s.issuedIn(tx, key)
		return nil
	})
	if err != nil {
		s.options.Log.Warn("shared object is created while its version cannot be read",
			slog.String("object", key.name), slog.Any("error", err))
	}
	return issued
}

// issuedIn returns the last version that may have been handed out of an object, and whether it is known exactly.
func (s *Store) issuedIn(tx *bbolt.Tx, key objectKey) (version uint32, exact bool) {
	if l := s.leaseOf(key); l != nil {
		return l.issued.Load(), true
	}
	return s.reserved(tx, key)
}

// reserved is issuedIn for an object that is not in use.
func (s *Store) reserved(tx *bbolt.Tx, key objectKey) (version uint32, exact bool) {
	flat := key.flat()
	record := tx.Bucket(reservationsBucket).Get(flat)
	if record == nil {
		return addVersions(s.base(tx, key.instance), s.credits(s.crashes)), false
	}
	r, err := parseReservation(record, flat)
	if err != nil {
		s.options.Log.Error("shared object's reservation of versions cannot be read",
			slog.String("file", s.path), slog.String("object", key.name), slog.Any("error", err))
		return addVersions(s.base(tx, key.instance), s.credits(addVersions(s.crashes, 1))), false
	}
	return addVersions(r.version, s.credits(s.crashes-r.crashes)), r.exact && r.crashes == s.crashes
}

// credits is what a number of crashes takes away.
func (s *Store) credits(crashes uint32) uint32 {
	return uint32(min(uint64(crashes)*credit, 1<<32-1))
}

// base returns where the versions of new objects of an instance begin, apart from the credits of crashes. It is above those of
// all objects of the instance that were removed.
func (s *Store) base(tx *bbolt.Tx, instance string) uint32 {
	record := tx.Bucket(basesBucket).Get([]byte(instance))
	if record == nil {
		return 0
	}
	base, err := parseBase(record, []byte(instance))
	if err != nil {
		s.options.Log.Error("base of shared object versions cannot be read", slog.String("file", s.path), slog.Any("error", err))
	}
	return base
}

// renew makes the stored reservation of an object in use last for long, and returns what it allows; 0 if there is nothing to do.
func (s *Store) renew(tx *bbolt.Tx, key objectKey, l *lease) (limit uint32, err error) {
	issued := l.issued.Load()
	if limit := l.limit.Load(); limit > credit && limit-credit > addVersions(issued, ahead/2) {
		return 0, nil
	}
	r := reservation{version: addVersions(issued, ahead), crashes: s.crashes}
	flat := key.flat()
	return addVersions(r.version, credit), tx.Bucket(reservationsBucket).Put(flat, r.record(flat))
}

// settle stores the last version of an object that is no longer in use. If the object is not stored, the base of its instance
// keeps the version.
func (s *Store) settle(tx *bbolt.Tx, key objectKey, issued uint32) error {
	if objectBucket(tx, key) == nil {
		return s.fold(tx, key, issued)
	}
	flat := key.flat()
	r := reservation{version: issued, crashes: s.crashes, exact: true}
	return tx.Bucket(reservationsBucket).Put(flat, r.record(flat))
}

// fold keeps the version of an object that is gone in the base of its instance.
func (s *Store) fold(tx *bbolt.Tx, key objectKey, issued uint32) error {
	if err := tx.Bucket(reservationsBucket).Delete(key.flat()); err != nil {
		return err
	}
	covered := addVersions(s.base(tx, key.instance), s.credits(s.crashes))
	if issued <= covered {
		return nil
	}
	instance := []byte(key.instance)
	base := issued - s.credits(s.crashes)
	return tx.Bucket(basesBucket).Put(instance, baseRecord(base, instance))
}
