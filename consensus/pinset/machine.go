package pinset

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// Options configure Open. All but FS and CacheBytes are required.
type Options struct {
	// FS is where Dir and Scratch are (the operating system's files).
	FS vfs.FS
	// Dir holds the state. It is created when absent and must belong to this
	// Machine alone.
	Dir string
	// Scratch is the path of a directory beside Dir, on the same file system,
	// that restores create and delete.
	Scratch string
	// CacheBytes is the size of the block cache (Pebble's default).
	CacheBytes int64
	// Logger receives Pebble's lines.
	Logger *slog.Logger
	// Fatal is called when entries can no longer be applied. It should end the
	// process: the machine refuses all work afterwards.
	Fatal func(error)
	// Done ends waits for changes and for the applied index when it is closed.
	Done <-chan struct{}
}

// Machine is the replicated state machine. raft calls its FSM methods from one
// goroutine; everything else may be called from any.
//
// Apply reads no clock and no randomness, so equal logs give equal states.
type Machine struct {
	*Store
	scratch string
	fatal   func(error)
	done    <-chan struct{}

	applied *appliedIndex
	dirty   *dirtySet
	spaces  *spaces
	history *history

	// Of raft's goroutine only.
	clients *clientTable
	count   uint64 // pins
	broken  error  // why this machine stopped applying
}

var _ raft.BatchingFSM = (*Machine)(nil)

// Open opens or creates the state. Close must be called.
func Open(o Options) (*Machine, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	s, err := openStore(o)
	if err != nil {
		return nil, err
	}
	m := &Machine{
		Store: s, scratch: o.Scratch, fatal: o.Fatal, done: o.Done,
		dirty: newDirtySet(), spaces: newSpaces(), history: newHistory(), applied: newAppliedIndex(0),
	}
	if err := m.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open state in %s: %w", o.Dir, err), s.close())
	}
	m.opened.Store(true)
	return m, nil
}

// Close waits for running reads, which it ends early, and closes the files. raft
// must have stopped. It may be called twice.
func (m *Machine) Close() error { return m.close() }

// load reads what the machine keeps in memory.
func (m *Machine) load() error {
	index, err := m.number(metaApplied)
	if err != nil {
		return err
	}
	if m.count, err = m.number(metaCount); err != nil {
		return err
	}
	if m.clients, err = m.loadClients(); err != nil {
		return err
	}
	m.spaces.changedAll(index)
	m.history.restart(index)
	m.applied.set(index)
	return nil
}

// Applied returns the index of the last applied entry that holds operations.
func (m *Machine) Applied() uint64 { return m.applied.get() }

// WaitApplied returns when Applied has reached index. The errors are ErrClosed
// and those of ctx.
func (m *Machine) WaitApplied(ctx context.Context, index uint64) error {
	return m.applied.wait(ctx, m.done, index)
}

// fail stops the machine for good: skipping an entry that the others apply
// would make this peer's pinset differ from theirs without anybody noticing.
func (m *Machine) fail(err error) {
	m.broken = err
	m.fatal(err)
}
