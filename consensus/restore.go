package consensus

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// restoreFileBytes is about the size of the tables a restore writes.
const restoreFileBytes = 64 << 20

// Restore implements raft.FSM: it replaces the whole state by a snapshot. The
// snapshot is written to table files beside the state and verified; one atomic
// step of the store then takes them in and drops everything else. A crash leaves
// the old state or the new one, and readers see one or the other.
func (m *machine) Restore(source io.ReadCloser) error {
	// raft closes the source, and keeps its log when this fails.
	tookIn, err := m.restore(source)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("restore snapshot: %w", err)
	if tookIn {
		m.fail(err)
	}
	return err
}

// restore reports whether it began to change the state.
func (m *machine) restore(source io.Reader) (tookIn bool, err error) {
	if err := os.RemoveAll(m.restoreDir); err != nil {
		return false, err
	}
	if err := os.MkdirAll(m.restoreDir, 0o700); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(m.restoreDir)) }()
	if err := m.enter(); err != nil {
		return false, err
	}
	defer m.mu.RUnlock()
	files, err := m.writeTables(source)
	if err != nil {
		return false, err
	}
	// Every key space lies in this span, so nothing of the old state stays.
	span := pebble.KeyRange{Start: []byte{0}, End: []byte{0xff}}
	if _, err := m.db.IngestAndExcise(context.Background(), files, nil, nil, span); err != nil {
		return true, fmt.Errorf("take in tables: %w", err)
	}
	if err := m.load(); err != nil {
		return true, err
	}
	m.dirty.addAll()
	return true, nil
}

// writeTables writes the records of a snapshot to table files. It succeeds only
// when the whole snapshot is sound.
func (m *machine) writeTables(source io.Reader) (files []string, err error) {
	s, err := newStreamReader(source)
	if err != nil {
		return nil, err
	}
	t := tables{db: m.db, dir: m.restoreDir}
	for {
		select {
		case <-m.closing:
			return nil, errors.Join(ErrClosed, t.finish())
		default:
		}
		key, value, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = t.add(key, value)
		}
		if err != nil {
			return nil, errors.Join(err, t.finish())
		}
	}
	if err := t.finish(); err != nil {
		return nil, err
	}
	return t.files, t.check(s.applied)
}

// tables writes sorted records to a series of table files.
type tables struct {
	db    *pebble.DB
	dir   string
	files []string

	w       *sstable.Writer // of the last file, nil if none is open
	size    int
	last    []byte
	version []byte
	applied []byte
}

func (t *tables) add(key, value []byte) error {
	if bytes.Compare(key, t.last) <= 0 {
		return fmt.Errorf("%w: keys out of order", ErrCorrupt)
	}
	switch key[0] {
	case keyMeta, keyPin:
	case keyOutcome:
		_, _, err := decodeOutcomeKey(key)
		if _, valueErr := decodeOutcome(value); err != nil || valueErr != nil {
			return errors.Join(err, valueErr)
		}
	default:
		return fmt.Errorf("%w: unknown key space %x", ErrCorrupt, key[0])
	}
	t.last = append(t.last[:0], key...)
	switch string(key) {
	case metaVersion:
		t.version = append([]byte(nil), value...)
	case metaApplied:
		t.applied = append([]byte(nil), value...)
	}
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

func (t *tables) open() error {
	name := filepath.Join(t.dir, fmt.Sprintf("%06d.sst", len(t.files)))
	f, err := vfs.Default.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("create table: %w", err)
	}
	t.w = sstable.NewWriter(objstorageprovider.NewFileWritable(f), sstable.WriterOptions{TableFormat: t.db.TableFormat()})
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

// check compares the state's own marks with the snapshot's header.
func (t *tables) check(applied uint64) error {
	if len(t.version) != 1 || t.version[0] != storeVersion {
		return fmt.Errorf("%w: snapshot of state version %x", ErrCorrupt, t.version)
	}
	var own uint64
	if len(t.applied) == 8 {
		own = binary.BigEndian.Uint64(t.applied)
	}
	if own != applied {
		return fmt.Errorf("%w: snapshot of index %d holds state of index %d", ErrCorrupt, applied, own)
	}
	return nil
}

// restoreIfBehind brings the state up to the newest snapshot when it is older,
// which is so when the peer died between receiving a snapshot and taking it in.
func (m *machine) restoreIfBehind(snaps raft.SnapshotStore) error {
	list, err := snaps.List()
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	if len(list) == 0 {
		return nil
	}
	behind, err := m.behind(snaps, list[0].ID)
	if err != nil || !behind {
		return err
	}
	_, source, err := snaps.Open(list[0].ID)
	if err != nil {
		return fmt.Errorf("open snapshot %s: %w", list[0].ID, err)
	}
	defer source.Close()
	if _, err := m.restore(source); err != nil {
		return fmt.Errorf("restore snapshot %s: %w", list[0].ID, err)
	}
	return nil
}

func (m *machine) behind(snaps raft.SnapshotStore, id string) (bool, error) {
	_, source, err := snaps.Open(id)
	if err != nil {
		return false, fmt.Errorf("open snapshot %s: %w", id, err)
	}
	defer source.Close()
	s, err := newStreamReader(source)
	if err != nil {
		return false, fmt.Errorf("snapshot %s: %w", id, err)
	}
	return m.applied.get() < s.applied, nil
}
