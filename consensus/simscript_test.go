package consensus

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// A follower whose answer to a snapshot gets lost is sent it again. It must not
// go back to it, and drop what came after, again and again.
func TestLostAnswersAfterSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := newWorld(1, 3, simSabotage{}, func(o *Options) {
			o.Heartbeat, o.SnapshotInterval = 300*time.Millisecond, 100*time.Millisecond
			o.SnapshotEntries, o.TrailingEntries = 60, 1
		})
		if err != nil {
			t.Fatal(err)
		}
		watching, stop := context.WithCancel(t.Context())
		w.background.Go(func() { w.monitor(watching) })
		defer func() {
			stop()
			w.finish()
			if n := w.restores(); n != 1 {
				t.Errorf("the follower took in %d snapshots, want 1", n)
			}
			if err := errors.Join(w.faults...); err != nil {
				t.Error(err)
			}
		}()
		w.commitSome(t, w.peers[0], 1)
		leader := w.leader()
		follower := w.peers[0]
		if follower == leader {
			follower = w.peers[1]
		}
		follower.crash(rand.New(rand.NewPCG(1, 1)))
		eventually(t, func() bool {
			w.commitSome(t, leader, 1)
			first, err := leader.disk.Log().FirstIndex()
			return err == nil && first > 1 // the log is compacted
		})
		answers := w.net.GetLink(follower.id, leader.id)
		broken := answers
		broken.Loss = 1
		w.net.SetLink(follower.id, leader.id, broken)
		if err := follower.start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return w.restores() == 1 })
		w.commitSome(t, leader, 3)
		time.Sleep(3 * time.Second) // of virtual time, in which the leader tries again
		w.net.SetLink(follower.id, leader.id, answers)
		eventually(t, func() bool { return follower.up().Applied() == leader.up().Applied() })
	})
}

func (w *world) restores() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats.Restores
}

// commitSome commits pins, one after the other.
func (w *world) commitSome(t *testing.T, p *simPeer, n int) {
	t.Helper()
	for range n {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := p.up().Commit(ctx, PinOp(plainPin(0)))
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
}
