package pinset

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
)

// Restore implements raft.FSM: it replaces the whole state by a snapshot. The
// snapshot is written to table files beside the state and verified; one atomic
// step of the store then takes them in and drops everything else. A crash leaves
// the old state or the new one, and readers see one or the other.
func (m *Machine) Restore(source io.ReadCloser) error {
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
func (m *Machine) restore(source io.Reader) (tookIn bool, err error) {
	if err := m.fs.RemoveAll(m.scratch); err != nil {
		return false, err
	}
	if err := m.fs.MkdirAll(m.scratch, 0o700); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, m.fs.RemoveAll(m.scratch)) }()
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
func (m *Machine) writeTables(source io.Reader) (files []string, err error) {
	s, err := newStreamReader(source)
	if err != nil {
		return nil, err
	}
	t := newTables(m.Store, m.scratch)
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

// RestoreIfBehind brings the state up to the newest snapshot when it is older,
// which is so when the peer died between receiving a snapshot and taking it in,
// or lost its state. Call it before raft starts.
func (m *Machine) RestoreIfBehind(snaps raft.SnapshotStore) error {
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

func (m *Machine) behind(snaps raft.SnapshotStore, id string) (bool, error) {
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
