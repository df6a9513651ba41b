package consensus

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/underlay/underlay/consensus/pinset"
)

// stores are the files of one peer.
type stores struct {
	machine   *pinset.Machine
	log       logStore
	snapshots raft.SnapshotStore
	hadState  bool
}

// logStore holds raft's entries, its term and its vote.
type logStore interface {
	raft.LogStore
	raft.StableStore
	io.Closer
}

// medium is what the stores are kept on.
type medium struct {
	fs            vfs.FS // of the state
	openLog       func(Options) (logStore, error)
	openSnapshots func(Options) (raft.SnapshotStore, error)
}

// onDisk returns the medium of every peer that runs in earnest.
func onDisk() medium {
	return medium{fs: vfs.Default, openLog: openLog, openSnapshots: openSnapshots}
}

// openStores opens the state, the log and the snapshots, and makes sure that
// they fit together.
func openStores(o Options, on medium, closing <-chan struct{}) (s *stores, err error) {
	if err := on.fs.MkdirAll(o.Dir, 0o700); err != nil {
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
		FS: on.fs, Dir: filepath.Join(o.Dir, stateDir), Scratch: filepath.Join(o.Dir, restoreDir), CacheBytes: o.CacheBytes,
		Logger: o.Logger, Fatal: o.Fatal, Done: closing,
	}); err != nil {
		return s, err
	}
	if s.log, err = on.openLog(o); err != nil {
		return s, err
	}
	if s.snapshots, err = on.openSnapshots(o); err != nil {
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

func openLog(o Options) (logStore, error) {
	dir := filepath.Join(o.Dir, logDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create log directory: %w", err)
	}
	l, err := wal.Open(dir, wal.WithLogger(newRaftLogger(o.Logger)), wal.WithSegmentSize(o.SegmentBytes))
	if err != nil {
		return nil, fmt.Errorf("open raft log in %s: %w", dir, err)
	}
	return l, nil
}

func openSnapshots(o Options) (raft.SnapshotStore, error) {
	// One is enough: the state itself is the second copy.
	s, err := raft.NewFileSnapshotStoreWithLogger(o.Dir, 1, newRaftLogger(o.Logger))
	if err != nil {
		return nil, fmt.Errorf("open snapshots in %s: %w", o.Dir, err)
	}
	return s, nil
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
