package pinset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/libp2p/go-libp2p/core/peer"
)

// restoreFileBytes is about the size of the tables a restore writes.
const restoreFileBytes = 64 << 20

// tables writes sorted records to a series of table files, and checks that
// together they are a state.
type tables struct {
	store *Store
	dir   string
	files []string

	w    *sstable.Writer // of the last file, nil if none is open
	size int
	last []byte

	version, applied, count []byte
	pins                    uint64
	indexed, expected       indexSum // what the indexes hold and what the pins call for
	counted                 countedSum
}

func newTables(s *Store, dir string) *tables {
	return &tables{store: s, dir: dir, indexed: newIndexSum(), expected: newIndexSum()}
}

func (t *tables) add(key, value []byte) error {
	if bytes.Compare(key, t.last) <= 0 {
		return fmt.Errorf("%w: keys out of order", ErrCorrupt)
	}
	if err := t.inspect(key, value); err != nil {
		return err
	}
	t.last = append(t.last[:0], key...)
	if t.w == nil {
		if err := t.open(); err != nil {
			return err
		}
	}
	if err := t.w.Set(key, value); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	if t.size += len(key) + len(value); t.size >= restoreFileBytes {
		return t.finish()
	}
	return nil
}

// inspect refuses a record that cannot be read back.
func (t *tables) inspect(key, value []byte) error {
	switch key[0] {
	case keyMeta:
		switch string(key) {
		case metaVersion:
			t.version = bytes.Clone(value)
		case metaApplied:
			t.applied = bytes.Clone(value)
		case metaCount:
			t.count = bytes.Clone(value)
		}
		return nil
	case keyPin:
		p, _, err := decodeStored(value)
		if err != nil {
			return err
		}
		if !bytes.Equal(pinKey(p.Cid), key) {
			return fmt.Errorf("%w: pin %s stands under key %x", ErrCorrupt, p.Cid, key)
		}
		t.pins++
		for _, k := range indexKeys(p) {
			t.expected.add(k)
		}
		return nil
	case keyName, keyMetadata:
		t.indexed.add(key)
		if len(value) > 0 {
			return fmt.Errorf("%w: value in an index", ErrCorrupt)
		}
		return nil
	case keyMember:
		if _, err := peer.IDFromBytes(key[1:]); err != nil {
			return fmt.Errorf("%w: member record: %w", ErrCorrupt, err)
		}
		return nil
	case keyValue:
		_, _, err := splitStored(value)
		return err
	case keyAccount, keyCharge, keyUnsettled:
		return t.counted.add(key, value)
	case keyOutcome:
		_, _, err := decodeOutcomeKey(key)
		_, valueErr := decodeOutcome(value)
		return errors.Join(err, valueErr)
	default:
		return fmt.Errorf("%w: unknown key space %x", ErrCorrupt, key[0])
	}
}

func (t *tables) open() error {
	name := filepath.Join(t.dir, fmt.Sprintf("%06d.sst", len(t.files)))
	f, err := t.store.fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("create table: %w", err)
	}
	t.w = sstable.NewWriter(objstorageprovider.NewFileWritable(f), sstable.WriterOptions{TableFormat: t.store.db.TableFormat()})
	t.files = append(t.files, name)
	t.size = 0
	return nil
}

// finish completes and syncs the open file, if any.
func (t *tables) finish() error {
	if t.w == nil {
		return nil
	}
	w := t.w
	t.w = nil
	if err := w.Close(); err != nil {
		return fmt.Errorf("finish table: %w", err)
	}
	return nil
}

// check compares the state's own marks with the snapshot's header and with what
// was read.
func (t *tables) check(applied uint64) error {
	if len(t.version) != 1 || t.version[0] != storeVersion {
		return fmt.Errorf("%w: snapshot of state version %x", ErrCorrupt, t.version)
	}
	if own := bigEndian(t.applied); own != applied {
		return fmt.Errorf("%w: snapshot of index %d holds state of index %d", ErrCorrupt, applied, own)
	}
	if count := bigEndian(t.count); count != t.pins {
		return fmt.Errorf("%w: snapshot of %d pins holds %d", ErrCorrupt, count, t.pins)
	}
	if t.indexed.count != t.expected.count || t.indexed.sum != t.expected.sum {
		return fmt.Errorf("%w: the indexes of the snapshot do not belong to its pins", ErrCorrupt)
	}
	return t.counted.check()
}

// bigEndian reads a stored counter; one that was never written is 0.
func bigEndian(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
