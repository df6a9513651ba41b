package consensus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/underlay/underlay/consensus/pinset"
)

// stores are the files of one peer.
type stores struct {
	machine   *pinset.Machine
	log       *wal.WAL
	snapshots raft.SnapshotStore
	hadState  bool
}

// openStores opens the state, the log and the snapshots, and makes sure that
// they fit together.
func openStores(o Options, closing <-chan struct{}) (s *stores, err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create directory: %w", err)
	}
	s = &stores{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	// The state comes first, because its lock reports another process at once,
	// where the log would wait for it.
	if s.machine, err = pinset.Open(pinset.Options{
		Dir: filepath.Join(o.Dir, stateDir), Scratch: filepath.Join(o.Dir, restoreDir), CacheBytes: o.CacheBytes,
		Logger: o.Logger, Fatal: o.Fatal, Done: closing,
	}); err != nil {
		return s, err
	}
	if err := s.openLog(o); err != nil {
		return s, err
	}
	if s.hadState, err = raft.HasExistingState(s.log, s.log, s.snapshots); err != nil {
		return s, fmt.Errorf("inspect raft's state: %w", err)
	}
	if err := s.machine.RestoreIfBehind(s.snapshots); err != nil {
		return s, err
	}
	return s, s.checkFit()
}

func (s *stores) openLog(o Options) error {
	logger := newRaftLogger(o.Logger)
	dir := filepath.Join(o.Dir, logDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create log directory: %w", err)
	}
	var err error
	if s.log, err = wal.Open(dir, wal.WithLogger(logger), wal.WithSegmentSize(o.SegmentBytes)); err != nil {
		return fmt.Errorf("open raft log in %s: %w", dir, err)
	}
	// One is enough: the state itself is the second copy.
	if s.snapshots, err = raft.NewFileSnapshotStoreWithLogger(o.Dir, 1, logger); err != nil {
		return fmt.Errorf("open snapshots in %s: %w", o.Dir, err)
	}
	return nil
}

// checkFit refuses a state that has applied entries this peer's log never held.
// It would skip as many entries of the cluster it joins.
func (s *stores) checkFit() error {
	last, err := s.log.LastIndex()
	if err != nil {
		return fmt.Errorf("inspect raft log: %w", err)
	}
	list, err := s.snapshots.List()
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	if len(list) > 0 {
		last = max(last, list[0].Index)
	}
	if applied := s.machine.Applied(); applied > last {
		return fmt.Errorf("%w: the state has applied entry %d, the log ends at %d: they do not belong together", ErrCorrupt, applied, last)
	}
	return nil
}

// close closes what is open. raft must have stopped.
func (s *stores) close() error {
	var faults []error
	if s.log != nil {
		faults = append(faults, named("close raft log", s.log.Close()))
	}
	if s.machine != nil {
		faults = append(faults, s.machine.Close())
	}
	return errors.Join(faults...)
}
