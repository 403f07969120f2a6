package sharedobjects

// objectKey names an object in the store.
type objectKey struct{ instance, name string }

// flat returns the key where objects of all instances are in one bucket.
func (k objectKey) flat() []byte { return []byte(k.instance + "\x00" + k.name) }

// Keys in the bucket of an object.
const (
	stateKey       = "s"
	propertyPrefix = 'p'
)

func propertyKey(name string) string { return string(propertyPrefix) + name }

// entry is what is to be written of one object. It is done in the order of its fields.
type entry struct {
	quarantine []string          // keys of records to put aside
	remove     bool              // the object goes
	wipe       bool              // the records of before go
	records    map[string][]byte // by key; nil deletes; nil map if there is nothing to write

	lease  *lease // of the object, nil if it is not in use
	settle bool   // its owner has dropped it

	from   *storage // who handed this over, and which time
	serial uint64
}

// overlay adds what came later.
func (e *entry) overlay(later *entry) {
	e.quarantine = append(e.quarantine, later.quarantine...)
	if later.remove {
		e.remove, e.wipe, e.records = true, false, nil
	}
	if later.wipe {
		e.wipe, e.records = true, nil
	}
	if later.records != nil && e.records == nil {
		e.records = make(map[string][]byte, len(later.records))
	}
	for key, record := range later.records {
		e.records[key] = record
	}
	if later.lease != nil {
		e.lease = later.lease
	}
	e.settle = e.settle || later.settle
	if later.from != nil {
		e.from, e.serial = later.from, later.serial
	}
}
