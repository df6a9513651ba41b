package sim

import (
	"bytes"
	"fmt"
	"io"

	"github.com/hashicorp/raft"
)

// Snapshots is the snapshot store of a disk. It keeps one.
type Snapshots struct{ d *Disk }

var _ raft.SnapshotStore = (*Snapshots)(nil)

// Snapshots returns the disk's snapshot store.
func (d *Disk) Snapshots() *Snapshots { return &Snapshots{d: d} }

type snapshot struct {
	meta raft.SnapshotMeta
	data []byte
}

// Create implements raft.SnapshotStore.
func (s *Snapshots) Create(version raft.SnapshotVersion, index, term uint64, members raft.Configuration, membersIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.d.made++
	return &sink{d: s.d, meta: raft.SnapshotMeta{
		Version: version, ID: fmt.Sprintf("%d-%d-%d", term, index, s.d.made), Index: index, Term: term,
		Configuration: members, ConfigurationIndex: membersIndex,
	}}, nil
}

// List implements raft.SnapshotStore.
func (s *Snapshots) List() ([]*raft.SnapshotMeta, error) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	var all []*raft.SnapshotMeta
	for _, snap := range s.d.snapshots {
		meta := snap.meta
		all = append(all, &meta)
	}
	return all, nil
}

// Open implements raft.SnapshotStore.
func (s *Snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	for _, snap := range s.d.snapshots {
		if snap.meta.ID == id {
			meta := snap.meta
			return &meta, io.NopCloser(bytes.NewReader(snap.data)), nil
		}
	}
	return nil, nil, fmt.Errorf("snapshot %s does not exist", id)
}

// sink is a snapshot being written. Nothing of it survives before Close.
type sink struct {
	bytes.Buffer
	d     *Disk
	meta  raft.SnapshotMeta
	ended bool
}

// ID implements raft.SnapshotSink.
func (s *sink) ID() string { return s.meta.ID }

// Cancel implements raft.SnapshotSink.
func (s *sink) Cancel() error {
	s.ended = true
	return nil
}

// Close implements raft.SnapshotSink.
func (s *sink) Close() error {
	if s.ended {
		return nil
	}
	s.ended = true
	s.meta.Size = int64(s.Len())
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	kept := &snapshot{meta: s.meta, data: s.Bytes()}
	if len(s.d.snapshots) > 0 {
		if old := s.d.snapshots[0].meta; old.Term > kept.meta.Term || old.Term == kept.meta.Term && old.Index > kept.meta.Index {
			return nil // as a real store, which keeps the newest
		}
	}
	s.d.snapshots = []*snapshot{kept}
	return nil
}
