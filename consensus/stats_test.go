package consensus

import (
	"sync/atomic"
	"testing"
	"time"
)

// observed counts what the peers of a cluster were told of.
type observed struct{ commits, batches, writes, snapshots atomic.Int64 }

func (o *observed) observers(t testing.TB) Observers {
	count := func(n *atomic.Int64) func(float64) {
		return func(v float64) {
			if v < 0 {
				t.Errorf("observed %v", v)
			}
			n.Add(1)
		}
	}
	return Observers{Commit: count(&o.commits), Batch: count(&o.batches), Log: count(&o.writes), Snapshot: count(&o.snapshots)}
}

// Stats tell what the peers have done: who leads, what became of operations, how far each is, and what the log took.
func TestStatsTellWhatWasDone(t *testing.T) {
	o := new(observed)
	tc := startCluster(t, 3, func(opts *Options) {
		opts.Observe = o.observers(t)
		opts.SnapshotEntries, opts.SnapshotInterval = 8, 50*time.Millisecond
	})
	leader, followers := tc.leader()
	writes := o.writes.Load()
	for i := range 20 {
		mustCommit(t, followers[0], PinOp(plainPin(i)), PinOp(plainPin(100+i)))
	}
	if done, err := followers[0].Commit(limit(t), UnpinOp(testCid(99))); err != nil || !isNotFound(done.Errs)[0] {
		t.Fatalf("unpin of an absent pin: %v, %v", done, err)
	}
	s := followers[0].Stats()
	if s.Proposed != 41 || s.Committed != 40 || s.Refused != 1 || s.Failed != 0 || s.QueuedOps != 0 {
		t.Errorf("stats of the follower: %+v", s)
	}
	if s.Pins != 40 || s.Voters != 3 || s.NonVoters != 0 || s.LeaderChanges < 1 || s.AppliedIndex > s.CommitIndex || s.CommitIndex > s.LastIndex {
		t.Errorf("stats of the follower: %+v", s)
	}
	if s := leader.Stats(); s.Leader != s.ID || s.Proposed != 0 || s.Committed != 0 {
		t.Errorf("stats of the leader: %+v", s)
	}
	if commits, batches := o.commits.Load(), o.batches.Load(); commits != 21 || batches != 21 {
		t.Errorf("%d commits and %d batches were observed", commits, batches)
	}
	if n := o.writes.Load() - writes; n < 21*2 {
		t.Errorf("%d writes of the log were observed, on a majority of peers", n)
	}
	eventually(t, func() bool { return o.snapshots.Load() > 0 && leader.Stats().SnapshotBytes > 0 })
}
