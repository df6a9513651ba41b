package consensus

import (
	"context"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// Observers are told what things have taken. Each may be nil; they are called from any goroutine and must not block.
type Observers struct {
	Commit   func(seconds float64)    // from a call of Commit or Propose until its entry is applied on the leader
	Batch    func(operations float64) // that share an entry
	Log      func(seconds float64)    // to write entries to the log and sync them
	Snapshot func(seconds float64)    // to write a snapshot, this peer's own or the leader's
}

// filled returns o with observers that do nothing in place of those that are nil.
func (o Observers) filled() Observers {
	for _, observe := range []*func(float64){&o.Commit, &o.Batch, &o.Log, &o.Snapshot} {
		if *observe == nil {
			*observe = func(float64) {}
		}
	}
	return o
}

// Stats are figures of one peer's part in the consensus. What is counted is counted since Open.
type Stats struct {
	Status
	// CommitIndex and AppliedIndex count all entries of raft's log, also those that hold no operations.
	CommitIndex, AppliedIndex uint64
	LeaderChanges             uint64
	Voters, NonVoters         int
	Pins                      uint64 // in the pinset, as far as it is applied here

	// Operations of this peer's calls, by what became of them.
	Proposed, Committed, Refused, Failed uint64
	// QueuedOps and QueuedBytes wait for an entry that holds them.
	QueuedOps, QueuedBytes int
	SnapshotBytes          int64 // of the newest snapshot that was written
}

// counters are what Stats counts.
type counters struct {
	proposed, committed, refused, failed atomic.Uint64
	snapshotBytes                        atomic.Int64
}

// end counts what became of the operations of a call.
func (n *counters) end(operations int, done Commit, err error) {
	ops := uint64(operations) //nolint:gosec // a length
	n.proposed.Add(ops)
	if err != nil {
		n.failed.Add(ops)
		return
	}
	for _, refused := range done.Errs {
		if refused != nil {
			n.refused.Add(1)
		} else {
			n.committed.Add(1)
		}
	}
}

// Stats may be called at any time, also after Close.
func (c *Consensus) Stats() Stats {
	s := Stats{
		Status:      c.Status(),
		CommitIndex: c.raft.CommitIndex(), AppliedIndex: c.raft.AppliedIndex(),
		LeaderChanges: c.leaders.changes.Load(),
		Proposed:      c.counters.proposed.Load(), Committed: c.counters.committed.Load(),
		Refused: c.counters.refused.Load(), Failed: c.counters.failed.Load(),
		SnapshotBytes: c.counters.snapshotBytes.Load(),
	}
	s.QueuedOps, s.QueuedBytes = c.batcher.queue.size()
	for _, server := range c.servers() {
		if server.Suffrage == raft.Voter {
			s.Voters++
		} else {
			s.NonVoters++
		}
	}
	s.Pins, _ = c.machine.Len(context.Background()) // none when closed
	return s
}
