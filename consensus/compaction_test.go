package consensus

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// compacted waits until the logs of all given peers begin after the entry.
func compacted(t *testing.T, entry uint64, peers ...*member) {
	t.Helper()
	eventually(t, func() bool {
		for _, m := range peers {
			if first, err := m.stores.log.FirstIndex(); err != nil || first <= entry {
				return false
			}
		}
		return true
	})
}

// The log is compacted on real files while clients write without a pause. A
// follower that was away meanwhile, and a new peer that has nothing, are brought
// up by snapshots, and nothing that was acknowledged is missing anywhere.
func TestCompactionUnderLoad(t *testing.T) {
	tc := openPeers(t, 4, func(o *Options) {
		o.SnapshotEntries, o.TrailingEntries, o.SnapshotInterval = 50, 10, 20*time.Millisecond
		o.SegmentBytes = 8192 // deleted entries are served until their file is gone
		o.Stabilization = 200 * time.Millisecond
	})
	if err := tc.peers[0].Bootstrap(tc.ids()[:3]); err != nil {
		t.Fatal(err)
	}
	for _, m := range tc.peers[:3] {
		<-m.Ready(limit(t))
	}
	leader, late, empty := tc.peers[0], tc.peers[1], tc.peers[3]
	eventually(t, func() bool { return leader.Status().Leader != "" })
	if leader.Status().Leader != leader.id { // the one that goes away must not lead
		for _, m := range tc.peers[1:3] {
			if m.Status().Leader == m.id {
				leader, late = m, tc.peers[0]
			}
		}
	}
	acked := writeUntil(t, leader)

	late.stop()
	gone := leader.Applied()
	compacted(t, gone+100, leader)
	if err := leader.AddPeer(limit(t), empty.id); err != nil {
		t.Fatal(err)
	}
	<-empty.Ready(limit(t))
	late.start()
	<-late.Ready(limit(t))
	compacted(t, leader.Applied(), leader)
	eventually(t, func() bool { return empty.Status().Voter })

	total := acked()
	tc.check()
	for _, m := range tc.peers {
		if n := int64(len(listPins(t, m.Local()))); n != total {
			t.Errorf("peer %s has %d pins, acknowledged were %d", m.id, n, total)
		}
	}
	t.Logf("%d pins acknowledged while logs were compacted", total)
}

// writeUntil has four clients pin through the peer, one CID after the other,
// until the returned function is called: it returns how many were acknowledged.
func writeUntil(t *testing.T, m *member) (stop func() int64) {
	ctx, cancel := context.WithCancel(limit(t))
	var next, acked atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				done, err := m.Commit(context.WithoutCancel(ctx), PinOp(plainPin(int(next.Add(1)))))
				if err = errors.Join(err, errors.Join(done.Errs...)); err != nil {
					t.Errorf("a write under compaction: %v", err)
					return
				}
				acked.Add(1)
			}
		})
	}
	return func() int64 {
		cancel()
		clients.Wait()
		return acked.Load()
	}
}
