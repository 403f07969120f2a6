package sharedobjects

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// DefaultCommitInterval is the default of Options.CommitInterval.
const DefaultCommitInterval = time.Second

// lockTimeout is how long Open waits for another process that has the file, as one that is just ending.
const lockTimeout = time.Second

// Options is how a store works. The zero value has all defaults.
type Options struct {
	// CommitInterval is how old a change may be at most that a crash loses after Commit; default 1 s. Writing begins after
	// half of it, the other half is for the disk.
	CommitInterval time.Duration
	// Limits bounds each object; see [Object.SetLimits] for single ones.
	Limits Limits
	// Log is told of what could not be read or written. Default: nobody.
	Log *slog.Logger
}

// Store keeps persistent objects in one file. It may be used by any number of goroutines; its namespaces and objects belong
// to one goroutine each. Its only goroutine sleeps while nothing is dirty.
type Store struct {
	path    string
	options Options
	db      *bbolt.DB
	crashes uint32

	dirty   chan struct{} // something is pending that was not before; 1 deep
	urgent  chan struct{} // somebody waits; 1 deep
	closing chan struct{}
	done    chan struct{} // the writer has ended

	mu       sync.Mutex
	closed   bool
	closeErr error // set before done is closed
	running  bool  // the file says that versions are handed out
	pending  map[objectKey]*entry
	inFlight map[objectKey]*entry // being written
	waiters  []chan<- error       // for all that is pending
	leases   map[objectKey]*lease
	stats    Stats
}

// Stats is what a store has done since it was opened.
type Stats struct {
	// Pending is how many objects have changes that are not durable.
	Pending int
	// InUse is how many objects were loaded or created and not released.
	InUse int
	// Transactions and Failures count what was written, and what could not be.
	Transactions, Failures uint64
	// Quarantined counts records that could not be read.
	Quarantined uint64
}

// Open opens the file, which it makes together with its folder if there is none. Its errors name the file; if another process
// has it, Open says so after a second. [Store.Close] must follow.
func Open(path string, o Options) (*Store, error) {
	if o.CommitInterval <= 0 {
		o.CommitInterval = DefaultCommitInterval
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	db, err := openFile(path)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path:    path,
		options: o,
		db:      db,
		dirty:   make(chan struct{}, 1),
		urgent:  make(chan struct{}, 1),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
		pending: make(map[objectKey]*entry),
		leases:  make(map[objectKey]*lease),
	}
	if err := s.prepare(); err != nil {
		db.Close()
		return nil, fmt.Errorf("shared objects: %s: %w", path, err)
	}
	go s.run()
	return s, nil
}

func openFile(path string) (db *bbolt.DB, err error) {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("shared objects: %w", err)
	}
	db, err = openDatabase(path)
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("shared objects: %s: another process has this file open: stop that server, or give this one "+
			"another data folder: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("shared objects: %w", err)
	case err != nil:
		return nil, fmt.Errorf("shared objects: %s: cannot open it; if the file is damaged, move it away and start again "+
			"with an empty one: %w", path, err)
	}
	syncFolder(folder)
	return db, nil
}

func openDatabase(path string) (db *bbolt.DB, err error) {
	defer recovered(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	if err := complete(db, path); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// complete finds out if the end of the file is missing, which bbolt does not look for.
func complete(db *bbolt.DB, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return db.View(func(tx *bbolt.Tx) error {
		if tx.Size() > info.Size() {
			return fmt.Errorf("%d bytes of %d are there", info.Size(), tx.Size())
		}
		return nil
	})
}

// syncFolder makes a new file's name durable where folders can be synced; elsewhere there is nothing to do.
func syncFolder(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	_ = f.Sync()
}

// prepare makes what is missing in the file, and notes if the run before crashed.
func (s *Store) prepare() error {
	return s.update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{objectsBucket, reservationsBucket, basesBucket, quarantineBucket, storeBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		b := tx.Bucket(storeBucket)
		var c condition
		if record := b.Get(conditionKey); record != nil {
			var err error
			if c, err = parseCondition(record, conditionKey); err != nil {
				return fmt.Errorf("not a file of shared objects of this version: %w", err)
			}
		}
		if c.running {
			c = condition{crashes: addVersions(c.crashes, 1)}
		}
		s.crashes = c.crashes
		return b.Put(conditionKey, c.record(conditionKey))
	})
}

// Instance returns the objects of an application instance. Only one goroutine at a time may use them.
func (s *Store) Instance(app, instance string) *Namespace { return newNamespace(s, app, instance) }

// Stats returns what the store has done.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Pending, st.InUse = len(s.pending), len(s.leases)
	for key := range s.inFlight {
		if s.pending[key] == nil {
			st.Pending++
		}
	}
	return st
}

// Close writes all that was handed over and closes the file. The owners should have released their objects before; what is
// committed afterwards is lost. A second Close returns what the first did.
func (s *Store) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.mu.Unlock()
	<-s.done
	return s.closeErr
}
