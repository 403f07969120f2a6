package sharedobjects

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

func TestCorruptRecordsArePutAside(t *testing.T) {
	for _, test := range []struct {
		record string
		left   []string
	}{
		{"pb", []string{"a", "c"}},
		{stateKey, []string{"a", "b", "c"}},
		{"pgone", []string{"a", "b", "c"}},
		{"unknown", []string{"a", "b", "c"}},
	} {
		t.Run(test.record, func(t *testing.T) {
			var log bytes.Buffer
			s := openStore(t, filepath.Join(t.TempDir(), "objects.db"), Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			n := s.Instance("app", "room")
			o := n.Create("o")
			for _, name := range []string{"a", "b", "c", "gone"} {
				set(t, o, name, name)
			}
			o.Delete("gone")
			before := o.Version()
			n.Release(o)
			damage(t, s, n, test.record)

			o = load(t, n, "o")
			wantNames(t, o, test.left...)
			if o.Version() <= before || !o.Changes(before).Clear {
				t.Errorf("version %d, %+v", o.Version(), o.Changes(before))
			}
			if !strings.Contains(log.String(), test.record) || s.Stats().Quarantined != 1 {
				t.Errorf("%+v, log %q", s.Stats(), log.String())
			}
			version := o.Version()
			n.Release(o)
			s = reopen(t, s)
			o = load(t, s.Instance("app", "room"), "o")
			wantNames(t, o, test.left...)
			if o.Version() != version || o.Changes(version).Clear || s.Stats().Quarantined != 0 {
				t.Errorf("the second time: version %d after %d, %+v", o.Version(), version, s.Stats())
			}
			if got := quarantined(t, s); len(got) != 1 || !strings.HasSuffix(got[0], "room\x00o\x00"+test.record) {
				t.Errorf("%q is in quarantine", got)
			}
		})
	}
}

// damage changes or makes a record behind the store's back.
func damage(t *testing.T, s *Store, n *Namespace, record string) {
	t.Helper()
	if err := s.settled(objectKey{n.key, "o"}); err != nil {
		t.Fatal(err)
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		b := objectBucket(tx, objectKey{n.key, "o"})
		content := append(bytes.Clone(b.Get([]byte(record))), 0, 0, 0, 0, 0)
		content[len(content)/2] ^= 1
		return b.Put([]byte(record), content)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func quarantined(t *testing.T, s *Store) (keys []string) {
	t.Helper()
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(quarantineBucket).ForEach(func(k, v []byte) error {
			keys = append(keys, string(k))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestCorruptReservationTakesNoVersionBack(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "room")
	o := n.Create("o")
	set(t, o, "a", 1)
	n.Release(o)
	key := objectKey{n.key, "o"}
	if err := s.settled(key); err != nil {
		t.Fatal(err)
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		if err := tx.Bucket(basesBucket).Put([]byte(n.key), []byte("bad")); err != nil {
			return err
		}
		return tx.Bucket(reservationsBucket).Put(key.flat(), []byte("bad"))
	})
	if err != nil {
		t.Fatal(err)
	}
	o = load(t, n, "o")
	want(t, o, "a", 1.0)
	if o.Version() <= 1 || !o.Changes(1).Clear {
		t.Errorf("version %d", o.Version())
	}
}

func TestForeignFileIsRefused(t *testing.T) {
	s := newStore(t)
	err := s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(storeBucket).Put(conditionKey, []byte("version 2")) })
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(s.path, Options{}); err == nil || !strings.Contains(err.Error(), s.path) {
		t.Errorf("opened: %v", err)
	}
}

func FuzzRecord(f *testing.F) {
	key := []byte("pname")
	encoded, value, err := encode("value", DefaultMaxPropertyBytes)
	if err != nil {
		f.Fatal(err)
	}
	for _, record := range [][]byte{
		(&slot{version: 1, sequence: 2, encoded: encoded, value: value}).record(key),
		(&slot{version: 1, removed: true}).record(key),
		state{1, 2}.record(key), reservation{1, 2, true}.record(key), baseRecord(3, key), condition{1, true}.record(key),
	} {
		f.Add(record, false)
		f.Add(record[:len(record)-4], true)
	}
	f.Fuzz(func(t *testing.T, record []byte, sealed bool) {
		if sealed {
			record = seal(bytes.Clone(record), key)
		}
		before := bytes.Clone(record)
		if s, err := parseSlot("name", record, key); err == nil && !bytes.Equal(s.record(key), record) {
			t.Errorf("%x was read as %+v", record, s)
		}
		if v, err := parseState(record, key); err == nil && len(record) == 13 && !bytes.Equal(v.record(key), record) {
			t.Errorf("%x was read as %+v", record, v)
		}
		parseReservation(record, key)
		parseBase(record, key)
		parseCondition(record, key)
		if !bytes.Equal(record, before) {
			t.Error("the record was changed")
		}
	})
}
