package consensus

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// machine is the replicated state machine. raft calls its FSM methods from one
// goroutine; everything else may be called from any.
//
// Apply reads no clock and no randomness, so equal logs give equal states.
type machine struct {
	*store
	restoreDir string // scratch space for restore
	fatal      func(error)

	applied *appliedIndex
	dirty   *dirtySet

	// Of raft's goroutine only.
	clients *clientTable
	broken  error // why this machine stopped applying
}

var _ raft.BatchingFSM = (*machine)(nil)

// reply is what the machine answers to a proposed entry.
type reply struct {
	outcome
	verdict verdict
	err     error
}

func newMachine(s *store, restoreDir string, fatal func(error)) (*machine, error) {
	m := &machine{store: s, restoreDir: restoreDir, fatal: fatal, dirty: newDirtySet(), applied: newAppliedIndex(0)}
	return m, m.load()
}

// load reads what the machine keeps in memory.
func (m *machine) load() error {
	index, err := m.store.appliedIndex()
	if err != nil {
		return err
	}
	if m.clients, err = m.loadClients(); err != nil {
		return err
	}
	m.applied.set(index)
	return nil
}

// Apply implements raft.FSM.
func (m *machine) Apply(l *raft.Log) any { return m.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch implements raft.BatchingFSM: all entries and the applied index
// become visible, and survive a crash of this process, together.
func (m *machine) ApplyBatch(logs []*raft.Log) []any {
	replies := make([]any, len(logs))
	a := application{machine: m, batch: m.db.NewBatch(), present: make(map[string]bool), index: m.applied.get()}
	defer a.batch.Close()
	for i, l := range logs {
		// Entries without data only carry the commit index to the followers,
		// and those up to the applied index come again after a restart.
		if l.Type != raft.LogCommand || len(l.Data) == 0 || l.Index <= a.index {
			continue
		}
		if m.broken != nil {
			replies[i] = reply{err: m.broken}
			continue
		}
		r, err := a.apply(l)
		if err != nil {
			m.fail(fmt.Errorf("apply entry %d: %w", l.Index, err))
			r = reply{err: m.broken}
		}
		replies[i] = r
	}
	if m.broken == nil {
		if err := a.commit(); err != nil {
			m.fail(err)
		}
	}
	if m.broken != nil {
		return brokenReplies(replies, m.broken)
	}
	return replies
}

// fail stops the machine for good: skipping an entry that the others apply
// would make this peer's pinset differ from theirs without anybody noticing.
func (m *machine) fail(err error) {
	m.broken = err
	m.fatal(err)
}

func brokenReplies(replies []any, err error) []any {
	for i := range replies {
		replies[i] = reply{err: err}
	}
	return replies
}

// application is one ApplyBatch under way.
type application struct {
	*machine
	batch   *pebble.Batch
	index   uint64          // last entry applied to batch
	present map[string]bool // pins that batch sets or deletes, by CID bytes
	touched []api.Cid
}

func (a *application) apply(l *raft.Log) (reply, error) {
	e, err := decodeEntry(l.Data)
	if err != nil {
		return reply{}, err
	}
	a.index = l.Index
	o, v := a.clients.lookup(e.client, e.seq)
	if v != entryFresh {
		return reply{outcome: o, verdict: v}, nil
	}
	codes := make([]byte, len(e.ops))
	for i, op := range e.ops {
		if codes[i], err = a.applyOp(op); err != nil {
			return reply{}, fmt.Errorf("operation %d on %s: %w", i, op.cid, err)
		}
	}
	o = outcome{index: l.Index, packed: packResults(codes)}
	if err := a.clients.record(a.batch, e.client, e.seq, o); err != nil {
		return reply{}, fmt.Errorf("record outcome: %w", err)
	}
	return reply{outcome: o, verdict: entryFresh}, nil
}

func (a *application) applyOp(op entryOp) (byte, error) {
	key := pinKey(op.cid)
	if op.kind == OpPin {
		a.present[op.cid.KeyString()] = true
		a.touched = append(a.touched, op.cid)
		return resultOK, a.batch.Set(key, op.value, nil)
	}
	has, known := a.present[op.cid.KeyString()]
	if !known {
		var err error
		if has, err = a.hasPin(op.cid); err != nil {
			return 0, err
		}
	}
	if !has {
		return resultNotFound, nil
	}
	a.present[op.cid.KeyString()] = false
	a.touched = append(a.touched, op.cid)
	return resultOK, a.batch.Delete(key, nil)
}

// commit makes the entries visible. It does not sync: after a power cut the raft
// log, which is synced, brings them again.
func (a *application) commit() error {
	if a.index == a.applied.get() {
		return nil
	}
	if err := a.batch.Set([]byte(metaApplied), binary.BigEndian.AppendUint64(nil, a.index), nil); err != nil {
		return fmt.Errorf("apply up to entry %d: %w", a.index, err)
	}
	if err := a.batch.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("apply up to entry %d: %w", a.index, err)
	}
	// Changes first: whoever waits for the index finds them there.
	a.dirty.add(a.touched)
	a.applied.set(a.index)
	return nil
}
