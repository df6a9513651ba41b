// Package sharedlog gives tests the values that peers share, with real state machines and without raft: a log to which
// everybody appends, and members who may be cut off from it.
package sharedlog

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/consensus/pinset"
)

// Log is what all members agree on.
type Log struct {
	mu      sync.Mutex
	entries []*raft.Log
	members []*Member
}

// New makes an empty log.
func New() *Log { return &Log{} }

// Member is the log as one of its members sees it.
type Member struct {
	// Barriers counts how often the log was asked how far it is.
	Barriers atomic.Int64

	log     *Log
	machine *pinset.Machine
	applied int
	cut     bool
}

// Join adds a member, until the test ends.
func (l *Log) Join(t testing.TB) *Member {
	t.Helper()
	done := make(chan struct{})
	machine, err := pinset.Open(pinset.Options{
		FS: vfs.NewMem(), Dir: "state", Scratch: "restore", CacheBytes: 1 << 20,
		Logger: slog.New(slog.DiscardHandler), Fatal: func(err error) { t.Errorf("fatal: %v", err) }, Done: done,
	})
	if err != nil {
		t.Fatalf("open state: %v", err)
	}
	t.Cleanup(func() {
		close(done)
		if err := machine.Close(); err != nil {
			t.Errorf("close state: %v", err)
		}
	})
	m := &Member{log: l, machine: machine}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members = append(l.members, m)
	m.catchUp()
	return m
}

// Cut separates the member from the log, or ends that.
func (m *Member) Cut(cut bool) {
	m.log.mu.Lock()
	defer m.log.mu.Unlock()
	m.cut = cut
	m.catchUp()
}

// IsCut tells whether the member is separated from the log.
func (m *Member) IsCut() bool {
	m.log.mu.Lock()
	defer m.log.mu.Unlock()
	return m.cut
}

// catchUp applies what the member has not applied yet. The log is locked.
func (m *Member) catchUp() []any {
	if m.cut || m.applied == len(m.log.entries) {
		return nil
	}
	replies := m.machine.ApplyBatch(m.log.entries[m.applied:])
	m.applied = len(m.log.entries)
	return replies
}

// Barrier is consensus.Consensus.Barrier.
func (m *Member) Barrier(context.Context) error {
	m.Barriers.Add(1)
	if m.IsCut() {
		return fmt.Errorf("%w: cut off", consensus.ErrNoLeader)
	}
	return nil // members that are not cut off have applied everything
}

// Values is consensus.Consensus.Values.
func (m *Member) Values(ctx context.Context, prefix string) ([]consensus.Value, error) {
	return m.machine.Values(ctx, prefix)
}

// NextValues is consensus.Consensus.NextValues.
func (m *Member) NextValues(ctx context.Context, space string, seen uint64) (uint64, error) {
	return m.machine.NextValues(ctx, space, seen)
}

// Usage is consensus.Consensus.Usage.
func (m *Member) Usage(_ context.Context, account string) (consensus.Usage, error) {
	return m.machine.Account(account)
}

// CommitAtomic is consensus.Consensus.CommitAtomic.
func (m *Member) CommitAtomic(_ context.Context, ops ...consensus.Op) (consensus.Commit, error) {
	body, err := pinset.EncodeCall(true, ops...)
	if err != nil {
		return consensus.Commit{}, err
	}
	m.log.mu.Lock()
	defer m.log.mu.Unlock()
	if m.cut {
		return consensus.Commit{}, fmt.Errorf("%w: cut off", consensus.ErrNoLeader)
	}
	index := uint64(len(m.log.entries) + 1)
	m.log.entries = append(m.log.entries, &raft.Log{
		Index: index, Type: raft.LogCommand, Data: pinset.EncodeEntry(pinset.ClientID{1}, index, body),
	})
	replies := m.catchUp()
	for _, other := range m.log.members {
		other.catchUp()
	}
	reply, ok := replies[len(replies)-1].(pinset.Reply)
	if !ok || reply.Err != nil {
		return consensus.Commit{}, fmt.Errorf("apply entry %d: %v", index, reply.Err)
	}
	errs, err := pinset.UnpackResults(reply.Packed, len(ops))
	return consensus.Commit{Index: index, Errs: errs}, err
}
