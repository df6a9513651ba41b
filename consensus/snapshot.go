package consensus

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
)

// Snapshot implements raft.FSM. It makes the state durable first: raft drops log
// entries after a snapshot, and those that only the state then holds must
// survive a power cut.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) {
	if m.broken != nil {
		return nil, m.broken
	}
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.mu.RUnlock()
	if err := m.db.LogData(nil, pebble.Sync); err != nil {
		return nil, fmt.Errorf("sync state: %w", err)
	}
	// The snapshot keeps this view whatever is applied or restored meanwhile.
	it, err := m.db.NewIter(nil)
	if err != nil {
		return nil, fmt.Errorf("snapshot state: %w", err)
	}
	return &view{store: m.store, it: it, applied: m.applied.get()}, nil
}

// view is the state at one moment.
type view struct {
	store   *store
	it      *pebble.Iterator
	applied uint64
}

// Persist implements raft.FSMSnapshot.
func (v *view) Persist(sink raft.SnapshotSink) error {
	if err := v.stream(sink); err != nil {
		return errors.Join(fmt.Errorf("write snapshot: %w", err), sink.Cancel())
	}
	return sink.Close()
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
