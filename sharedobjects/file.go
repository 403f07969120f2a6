package sharedobjects

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"

	"go.etcd.io/bbolt"
)

// Buckets of the file.
var (
	objectsBucket      = []byte("objects")      // instance → name → records
	reservationsBucket = []byte("reservations") // instance NUL name → reservation
	basesBucket        = []byte("bases")        // instance → base
	quarantineBucket   = []byte("quarantine")   // number instance NUL name NUL key → record as it was
	storeBucket        = []byte("store")

	conditionKey = []byte("condition")
)

// update is a transaction. A damaged file can make bbolt panic; that ends the transaction, not the server.
func (s *Store) update(f func(*bbolt.Tx) error) (err error) {
	defer recovered(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return s.db.Update(f)
}

func (s *Store) view(f func(*bbolt.Tx) error) (err error) {
	defer recovered(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return s.db.View(f)
}

func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("file is damaged: %v", r)
	}
}

// transact writes a batch. mark notes that versions are handed out, last that they no longer are.
func (s *Store) transact(batch map[objectKey]*entry, mark, last bool) error {
	limits := make(map[*lease]uint32)
	err := s.update(func(tx *bbolt.Tx) error {
		if mark || (last && s.running) {
			c := condition{crashes: s.crashes, running: !last}
			if err := tx.Bucket(storeBucket).Put(conditionKey, c.record(conditionKey)); err != nil {
				return err
			}
		}
		for key, e := range batch {
			if err := s.apply(tx, key, e, limits); err != nil {
				return fmt.Errorf("shared object %q: %w", key.name, err)
			}
		}
		if last {
			return s.settleAll(tx)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for l, limit := range limits {
		l.limit.Store(limit)
	}
	return nil
}

func (s *Store) settleAll(tx *bbolt.Tx) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, l := range s.leases {
		if err := s.settle(tx, key, l.issued.Load()); err != nil {
			return err
		}
	}
	return nil
}

// apply writes one entry.
func (s *Store) apply(tx *bbolt.Tx, key objectKey, e *entry, limits map[*lease]uint32) error {
	for _, record := range e.quarantine {
		if err := putAside(tx, key, record); err != nil {
			return err
		}
	}
	if e.remove || e.wipe {
		if err := deleteObject(tx, key); err != nil {
			return err
		}
	}
	if e.records != nil {
		if err := putRecords(tx, key, e.records); err != nil {
			return err
		}
	}
	switch {
	case e.lease == nil && e.remove:
		issued, _ := s.reserved(tx, key)
		return s.fold(tx, key, issued)
	case e.lease == nil:
		return nil
	case e.settle:
		return s.settle(tx, key, e.lease.issued.Load())
	}
	limit, err := s.renew(tx, key, e.lease)
	if limit > 0 {
		limits[e.lease] = limit
	}
	return err
}

func objectBucket(tx *bbolt.Tx, key objectKey) *bbolt.Bucket {
	instance := tx.Bucket(objectsBucket).Bucket([]byte(key.instance))
	if instance == nil {
		return nil
	}
	return instance.Bucket([]byte(key.name))
}

// deleteObject takes the bucket of the instance along if it is empty then.
func deleteObject(tx *bbolt.Tx, key objectKey) error {
	objects := tx.Bucket(objectsBucket)
	instance := objects.Bucket([]byte(key.instance))
	if instance == nil || instance.Bucket([]byte(key.name)) == nil {
		return nil
	}
	if err := instance.DeleteBucket([]byte(key.name)); err != nil {
		return err
	}
	if first, _ := instance.Cursor().First(); first != nil {
		return nil
	}
	return objects.DeleteBucket([]byte(key.instance))
}

func putRecords(tx *bbolt.Tx, key objectKey, records map[string][]byte) error {
	instance, err := tx.Bucket(objectsBucket).CreateBucketIfNotExists([]byte(key.instance))
	if err != nil {
		return err
	}
	object, err := instance.CreateBucketIfNotExists([]byte(key.name))
	if err != nil {
		return err
	}
	for name, record := range records {
		if record == nil {
			err = object.Delete([]byte(name))
		} else {
			err = object.Put([]byte(name), record)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// putAside moves a record to the quarantine.
func putAside(tx *bbolt.Tx, key objectKey, record string) error {
	object := objectBucket(tx, key)
	if object == nil {
		return nil
	}
	content := bytes.Clone(object.Get([]byte(record)))
	if content == nil {
		return nil
	}
	quarantine := tx.Bucket(quarantineBucket)
	number, err := quarantine.NextSequence()
	if err != nil {
		return err
	}
	aside := binary.BigEndian.AppendUint64(nil, number)
	aside = append(append(append(aside, key.flat()...), 0), record...)
	if err := quarantine.Put(aside, content); err != nil {
		return err
	}
	return object.Delete([]byte(record))
}

// found is what the file has of an object.
type found struct {
	version, floor uint32
	issued         uint32  // the last version that may have been handed out
	live           []*slot // in the order of first set
	byVersion      []*slot // with removals
	corrupt        []string
	intact         bool // this is what was there when the last version was handed out
}

func (s *Store) read(key objectKey) (*found, error) {
	f := &found{}
	err := s.view(func(tx *bbolt.Tx) error {
		object := objectBucket(tx, key)
		if object == nil {
			return ErrNotFound
		}
		stored, intact, err := s.readRecords(object, key, f)
		if err != nil {
			return err
		}
		issued, exact := s.issuedIn(tx, key)
		f.version, f.floor, f.issued = stored.version, stored.floor, issued
		f.intact = intact && exact && issued == stored.version && len(f.corrupt) == 0
		if !f.intact {
			// Clients may have versions that are not here, or what is here in part.
			f.version = addVersions(max(stored.version, issued), 1)
			f.floor = f.version
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(f.live, func(a, b *slot) int { return cmp.Compare(a.sequence, b.sequence) })
	slices.SortStableFunc(f.byVersion, func(a, b *slot) int { return cmp.Compare(a.version, b.version) })
	return f, nil
}

// readRecords fills in what can be read. intact says that the versions are what was written.
func (s *Store) readRecords(object *bbolt.Bucket, key objectKey, f *found) (stored state, intact bool, err error) {
	var highest uint32
	err = object.ForEach(func(k, v []byte) error {
		if string(k) == stateKey {
			var err error
			if stored, err = parseState(v, k); err != nil {
				s.report(key, k, err)
				f.corrupt = append(f.corrupt, stateKey)
				return nil
			}
			intact = true
			return nil
		}
		slot, err := readSlot(k, v)
		if err != nil {
			s.report(key, k, err)
			f.corrupt = append(f.corrupt, string(k))
			return nil
		}
		highest = max(highest, slot.version)
		f.byVersion = append(f.byVersion, slot)
		if !slot.removed {
			f.live = append(f.live, slot)
		}
		return nil
	})
	if highest > stored.version {
		stored.version, intact = highest, false
	}
	return stored, intact, err
}

func readSlot(key, record []byte) (*slot, error) {
	if len(key) < 2 || key[0] != propertyPrefix {
		return nil, fmt.Errorf("%w: unknown key", errCorrupt)
	}
	return parseSlot(string(key[1:]), record, key)
}

func (s *Store) report(key objectKey, record []byte, err error) {
	s.options.Log.Error("record of a shared object cannot be read and is put aside",
		slog.String("file", s.path), slog.String("instance", key.instance), slog.String("object", key.name),
		slog.String("record", string(record)), slog.Any("error", err))
}

// quarantine has the records put aside that could not be read.
func (s *Store) quarantine(o *Object, f *found) {
	if len(f.corrupt) == 0 {
		return
	}
	s.mu.Lock()
	s.stats.Quarantined += uint64(len(f.corrupt))
	s.mu.Unlock()
	s.stage(o.storage.key, &entry{lease: o.storage.lease, quarantine: f.corrupt})
	if e := o.handOver(); e != nil {
		s.stage(o.storage.key, e)
	}
}

func (s *Store) names(instance, prefix string) ([]string, error) {
	names := []string{}
	err := s.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(objectsBucket).Bucket([]byte(instance))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, _ := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, _ = c.Next() {
			names = append(names, string(k))
		}
		return nil
	})
	return names, err
}
