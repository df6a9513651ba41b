package consensus

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
	"github.com/underlay/underlay/consensus/pinset"
	"github.com/underlay/underlay/consensus/raftstore"
)

// stores are the files of one peer.
type stores struct {
	machine   *pinset.Machine
	log       logStore
	terms     *terms // in log
	snapshots raft.SnapshotStore
}

// logStore holds raft's entries, its term and its vote.
type logStore interface {
	raft.LogStore
	raft.StableStore
	io.Closer
	Arm() // faults are fatal from now on
}

// medium is what the stores are kept on.
type medium struct {
	fs            vfs.FS // of the state
	openLog       func(o Options, room func() bool) (logStore, error)
	openSnapshots func(Options) (raft.SnapshotStore, error)
}

// onDisk returns the medium of every peer that runs in earnest.
func onDisk() medium {
	return medium{fs: vfs.Default, openLog: openLog, openSnapshots: openSnapshots}
}

// openStores opens the state, the log and the snapshots, and makes sure that
// they fit together.
func openStores(o Options, on medium, closing <-chan struct{}, room func() bool) (s *stores, err error) {
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
	if s.log, err = on.openLog(o, room); err != nil {
		return s, err
	}
	if s.terms, err = newTerms(s.log); err != nil {
		return s, err
	}
	if s.snapshots, err = on.openSnapshots(o); err != nil {
		return s, err
	}
	if err := s.machine.RestoreIfBehind(s.snapshots); err != nil {
		return s, err
	}
	if err := s.checkFit(o.Dir); err != nil {
		return s, err
	}
	return s, s.trimLog()
}

// trimLog drops a log that ends before the snapshot, which is so when the peer
// died after it had received one: the next entry would leave a gap.
func (s *stores) trimLog() error {
	first, last, snapshot, err := s.extent()
	if err != nil || last == 0 || last >= snapshot {
		return err
	}
	if err := s.log.DeleteRange(first, last); err != nil {
		return fmt.Errorf("drop the log before the snapshot: %w", err)
	}
	return nil
}

// extent returns the first and the last index of the log, and where the snapshot
// ends; 0 where there is nothing.
func (s *stores) extent() (first, last, snapshot uint64, err error) {
	first, firstErr := s.log.FirstIndex()
	last, lastErr := s.log.LastIndex()
	if err := errors.Join(firstErr, lastErr); err != nil {
		return 0, 0, 0, fmt.Errorf("inspect raft log: %w", err)
	}
	list, err := s.snapshots.List()
	if err != nil {
		return 0, 0, 0, err
	}
	if len(list) > 0 {
		snapshot = list[0].Index
	}
	return first, last, snapshot, nil
}

func openLog(o Options, room func() bool) (logStore, error) {
	l, err := raftstore.OpenLog(raftstore.Options{
		Dir: filepath.Join(o.Dir, logDir), SegmentBytes: o.SegmentBytes,
		Logger: newRaftLogger(o.Logger), Fatal: o.Fatal, Room: room,
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

func openSnapshots(o Options) (raft.SnapshotStore, error) {
	// One is enough: the state itself is the second copy.
	s, err := raftstore.OpenSnapshots(filepath.Join(o.Dir, snapshotDir))
	if err != nil {
		return nil, err
	}
	return s, nil
}

// checkFit refuses files that cannot come from the same life of this peer:
// whatever raft would make of them, entries would be missing.
func (s *stores) checkFit(dir string) error {
	first, last, snapshot, err := s.extent()
	if err != nil {
		return err
	}
	logPath, statePath := filepath.Join(dir, logDir), filepath.Join(dir, stateDir)
	if first > snapshot+1 {
		return fmt.Errorf("%w: the log in %s begins with entry %d, the snapshot in %s ends at %d",
			ErrCorrupt, logPath, first, filepath.Join(dir, snapshotDir), snapshot)
	}
	// Such a state would skip as many entries of the cluster it joins.
	if applied := s.machine.Applied(); applied > max(last, snapshot) {
		return fmt.Errorf("%w: the state in %s has applied entry %d, the log in %s ends at %d: one of them has lost data, or they do not belong together",
			ErrCorrupt, statePath, applied, logPath, max(last, snapshot))
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
