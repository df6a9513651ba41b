package pinset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
)

// Snapshot implements raft.FSM.
func (m *Machine) Snapshot() (raft.FSMSnapshot, error) {
	if m.broken != nil {
		return nil, m.broken
	}
	return m.view()
}

// Backup writes a snapshot of the state at one moment to w. Any goroutine may
// call it. The errors are ErrClosed and those of w and of the disk.
func (s *Store) Backup(w io.Writer) error {
	v, err := s.view()
	if err != nil {
		return fmt.Errorf("back up state: %w", err)
	}
	if err = errors.Join(v.stream(w), v.it.Close()); err != nil {
		return fmt.Errorf("back up state: %w", err)
	}
	return nil
}

// view fixes the state at this moment, whatever is applied or restored later.
func (s *Store) view() (*view, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	it, err := s.db.NewIter(nil)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	v := &view{store: s, it: it}
	if it.SeekGE([]byte(metaApplied)) && string(it.Key()) == metaApplied && len(it.Value()) == 8 {
		v.applied = binary.BigEndian.Uint64(it.Value())
	}
	if err := it.Error(); err != nil {
		return nil, errors.Join(fmt.Errorf("read state: %w", err), it.Close())
	}
	return v, nil
}

// view is the state at one moment.
type view struct {
	store   *Store
	it      *pebble.Iterator
	applied uint64
}

// Persist implements raft.FSMSnapshot. It makes the state durable first: raft
// drops log entries after a snapshot, and the state is their second copy.
func (v *view) Persist(sink raft.SnapshotSink) error {
	err := v.store.flush()
	if err == nil {
		err = v.stream(sink)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write snapshot: %w", err), sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

// Release implements raft.FSMSnapshot.
func (v *view) Release() {
	// A failure to read was reported by stream already.
	_ = v.it.Close()
}

func (v *view) stream(w io.Writer) error {
	s, err := newStreamWriter(w, v.applied)
	if err != nil {
		return err
	}
	for v.it.First(); v.it.Valid(); v.it.Next() {
		select {
		case <-v.store.closing:
			return ErrClosed
		default:
		}
		if err := s.record(v.it.Key(), v.it.Value()); err != nil {
			return err
		}
	}
	if err := v.it.Error(); err != nil {
		return err
	}
	return s.finish()
}
