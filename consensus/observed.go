package consensus

import (
	"time"

	"github.com/hashicorp/raft"
)

// observedLog tells how long the writes of raft's log take.
type observedLog struct {
	logStore
	observe func(seconds float64)
}

var _ raft.MonotonicLogStore = observedLog{}

// IsMonotonic implements raft.MonotonicLogStore for the log within.
func (l observedLog) IsMonotonic() bool {
	m, ok := l.logStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// StoreLog implements raft.LogStore.
func (l observedLog) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs implements raft.LogStore.
func (l observedLog) StoreLogs(entries []*raft.Log) error {
	began := time.Now()
	err := l.logStore.StoreLogs(entries)
	l.observe(time.Since(began).Seconds())
	return err
}

// observedSnapshots tells how long snapshots take that are completed, and how large they are.
type observedSnapshots struct {
	raft.SnapshotStore
	observe func(seconds float64)
	size    func(bytes int64)
}

// Create implements raft.SnapshotStore.
func (s observedSnapshots) Create(version raft.SnapshotVersion, index, term uint64, conf raft.Configuration, confIndex uint64, t raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(version, index, term, conf, confIndex, t)
	if err != nil {
		return nil, err
	}
	return &observedSink{SnapshotSink: sink, store: s, began: time.Now()}, nil
}

// observedSink is a snapshot that is being written.
type observedSink struct {
	raft.SnapshotSink
	store observedSnapshots
	began time.Time
	bytes int64
	done  bool
}

// Write implements io.Writer.
func (s *observedSink) Write(b []byte) (int, error) {
	n, err := s.SnapshotSink.Write(b)
	s.bytes += int64(n)
	return n, err
}

// Close implements raft.SnapshotSink. Both the state machine and raft call it.
func (s *observedSink) Close() error {
	err := s.SnapshotSink.Close()
	if err == nil && !s.done {
		s.done = true
		s.store.observe(time.Since(s.began).Seconds())
		s.store.size(s.bytes)
	}
	return err
}
