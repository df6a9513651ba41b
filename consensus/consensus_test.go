package consensus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
)

// The cluster's main promise: what one peer acknowledged, any other shows after
// a barrier, every time.
func TestFollowerWriteIsSeenEverywhere(t *testing.T) {
	tc := startCluster(t, 3, nil)
	_, followers := tc.leader()
	begin := time.Now()
	for i := range 100 {
		p := plainPin(i)
		done := mustCommit(t, followers[i%2], PinOp(p))
		if has, err := followers[i%2].Local().Has(t.Context(), p.Cid); !has || err != nil {
			t.Fatalf("pin %d is not visible where it was committed: %v", i, err)
		}
		other := followers[1-i%2]
		if err := other.Barrier(limit(t)); err != nil {
			t.Fatal(err)
		}
		if has, err := other.Local().Has(t.Context(), p.Cid); !has || err != nil {
			t.Fatalf("pin %d is not visible on the other follower: %v", i, err)
		}
		if other.Applied() < done.Index {
			t.Fatalf("applied %d, committed at %d", other.Applied(), done.Index)
		}
	}
	t.Logf("commit on one follower and barrier on the other: %v", time.Since(begin)/100)
}

func TestStateReadsAreLinearizable(t *testing.T) {
	tc := startCluster(t, 3, nil)
	for i := range 30 {
		p := plainPin(i)
		if err := tc.peers[i%3].LogPin(limit(t), p); err != nil {
			t.Fatal(err)
		}
		st, err := tc.peers[(i+1)%3].State(limit(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Get(t.Context(), p.Cid); err != nil {
			t.Fatalf("pin %d: %v", i, err)
		}
		if err := tc.peers[(i+2)%3].LogUnpin(limit(t), p); err != nil {
			t.Fatal(err)
		}
		if err := tc.peers[i%3].WaitForSync(limit(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := st.Get(t.Context(), p.Cid); err != nil && !errors.Is(err, state.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if err := tc.peers[0].LogUnpin(limit(t), plainPin(1)); err != state.ErrNotFound { //nolint:errorlint // identity is the promise
		t.Errorf("unpin of an absent pin: %v", err)
	}
}

// Every call gets the results of its own operations, however calls are packed
// into entries.
func TestConcurrentCallsShareEntries(t *testing.T) {
	tc := startCluster(t, 3, nil)
	before := tc.peers[0].Status().LastIndex
	const callers, calls = 40, 10
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			m := tc.peers[i%3]
			for j := range calls {
				n := i*calls + j
				done, err := m.Commit(limit(t), UnpinOp(testCid(n)), PinOp(plainPin(n)), UnpinOp(testCid(n)), PinOp(plainPin(n)))
				if err != nil {
					t.Errorf("call %d: %v", n, err)
					return
				}
				if got, want := isNotFound(done.Errs), []bool{true, false, false, false}; !reflect.DeepEqual(got, want) {
					t.Errorf("call %d: not found %v, want %v", n, got, want)
				}
				if has, err := m.Local().Has(t.Context(), testCid(n)); !has || err != nil {
					t.Errorf("call %d is not visible after its return: %v", n, err)
				}
			}
		})
	}
	wg.Wait()
	tc.check()
	if n := len(listPins(t, tc.peers[1].Local())); n != callers*calls {
		t.Errorf("%d pins, want %d", n, callers*calls)
	}
	entries := tc.peers[0].Status().LastIndex - before
	t.Logf("%d calls took %d entries", callers*calls, entries)
}

func TestConcurrentUnpinsSucceedOnce(t *testing.T) {
	tc := startCluster(t, 3, nil)
	for round := range 20 {
		p := plainPin(round)
		mustCommit(t, tc.peers[0], PinOp(p))
		errs := make([]error, 6)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = tc.peers[i%3].LogUnpin(limit(t), p) })
		}
		wg.Wait()
		succeeded := 0
		for _, err := range errs {
			switch {
			case err == nil:
				succeeded++
			case !errors.Is(err, state.ErrNotFound):
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if succeeded != 1 {
			t.Fatalf("round %d: %d unpins succeeded, want 1", round, succeeded)
		}
	}
}

// Sequences that make fields of one pin leak into the next in decoders that
// reuse a value; with restarts of peers and a snapshot in between.
func TestPinsStayExactThroughRestartsAndSnapshots(t *testing.T) {
	tc := startCluster(t, 3, func(o *Options) { o.TrailingEntries = 1 })
	want := make(map[api.Cid]api.Pin)
	commit := func(m *member, pins ...api.Pin) {
		t.Helper()
		var ops []Op
		for _, p := range pins {
			ops = append(ops, PinOp(p))
			if p.Origins == nil {
				p.Origins = []api.Multiaddr{}
			}
			want[p.Cid] = p
		}
		mustCommit(t, m, ops...)
	}
	verify := func(when string) {
		t.Helper()
		for i, m := range tc.up() {
			if got := statePins(t, m); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, peer %d: got %+v, want %+v", when, i, got, want)
			}
		}
	}
	restart := func(m *member) {
		t.Helper()
		m.stop()
		m.start()
		tc.awaitReady()
	}
	named, expiring, direct := plainPin(1), plainPin(2), plainPin(3)
	named.Name, named.Metadata = "first", map[string]string{"a": "1"}
	expiring.ExpireAt = time.Unix(2_000_000_000, 0).UTC()
	direct.Mode, direct.MaxDepth = api.PinModeDirect, 0
	commit(tc.peers[0], named, plainPin(10), expiring, plainPin(11), direct, plainPin(12), fullPin(t), plainPin(13))
	commit(tc.peers[1], named)
	commit(tc.peers[2], plainPin(14))
	verify("at first")
	for i, m := range tc.peers {
		restart(m)
		commit(tc.peers[(i+1)%3], expiring, plainPin(20+i))
		commit(m, direct, plainPin(30+i))
		verify(fmt.Sprintf("after restart %d", i))
	}
	late := tc.peers[2]
	late.stop()
	commit(tc.peers[0], fullPin(t))
	commit(tc.peers[1], plainPin(40))
	for _, m := range tc.up() {
		if err := m.raft.Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
	}
	late.start()
	tc.awaitReady()
	commit(late, plainPin(41))
	verify("after a snapshot")
}

// statePins reads all pins after a barrier.
func statePins(t *testing.T, m *member) map[api.Cid]api.Pin {
	t.Helper()
	st, err := m.State(limit(t))
	if err != nil {
		t.Fatal(err)
	}
	pins := make(map[api.Cid]api.Pin)
	for _, p := range listPins(t, st) {
		pins[p.Cid] = p
	}
	return pins
}

func TestRestartOfAllKeepsEverything(t *testing.T) {
	tc := startCluster(t, 3, nil)
	for i := range 50 {
		mustCommit(t, tc.peers[i%3], PinOp(plainPin(i)))
	}
	for _, m := range tc.peers {
		m.stop()
	}
	for _, m := range tc.peers {
		m.start()
		if !m.HasState() {
			t.Errorf("peer %s has lost its state", m.id)
		}
	}
	tc.awaitReady()
	for i, m := range tc.peers {
		if n := len(listPins(t, m.Local())); n != 50 {
			t.Errorf("peer %d: %d pins, want 50", i, n)
		}
	}
	mustCommit(t, tc.peers[1], PinOp(plainPin(50)))
}

func TestDistantFollowerGetsASnapshot(t *testing.T) {
	tc := startCluster(t, 3, func(o *Options) {
		o.SnapshotEntries, o.TrailingEntries, o.SnapshotInterval = 20, 5, 50*time.Millisecond
		// The log serves deleted entries until their file is gone.
		o.SegmentBytes = 4096
	})
	_, followers := tc.leader()
	late := followers[0]
	mustCommit(t, late, PinOp(plainPin(0)))
	late.stop()
	for i := 1; i < 200; i++ {
		mustCommit(t, followers[1], PinOp(plainPin(i)))
	}
	eventually(t, func() bool {
		leader, _ := tc.leader()
		first, err := leader.stores.log.FirstIndex()
		return err == nil && first > 100
	})
	late.start()
	// A rescan is announced, because the snapshot says nothing of single pins.
	for {
		ch, err := late.Next(limit(t))
		if err != nil {
			t.Fatal(err)
		}
		if ch.All {
			break
		}
	}
	tc.awaitReady()
	if n := len(listPins(t, late.Local())); n != 200 {
		t.Errorf("%d pins, want 200", n)
	}
	mustCommit(t, late, UnpinOp(testCid(3)))
}

// A peer whose restored state is lost with its disk's state directory gets it
// back from its own snapshot and log.
func TestLostStateIsRebuilt(t *testing.T) {
	tc := startCluster(t, 1, func(o *Options) { o.TrailingEntries = 1 })
	m := tc.peers[0]
	for i := range 10 {
		mustCommit(t, m, PinOp(plainPin(i)))
	}
	if err := m.raft.Snapshot().Error(); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, m, PinOp(plainPin(10)))
	m.stop()
	if err := os.RemoveAll(m.opts.Dir + "/" + stateDir); err != nil {
		t.Fatal(err)
	}
	m.start()
	tc.awaitReady()
	if n := len(listPins(t, m.Local())); n != 11 {
		t.Errorf("%d pins, want 11", n)
	}
}

func TestNext(t *testing.T) {
	tc := startCluster(t, 3, nil)
	mustCommit(t, tc.peers[0], PinOp(plainPin(1)), PinOp(plainPin(2)))
	for i, m := range tc.peers {
		seen := make(map[api.Cid]bool)
		for len(seen) < 2 {
			ch, err := m.Next(limit(t))
			if err != nil || ch.All {
				t.Fatalf("peer %d: got %+v, %v", i, ch, err)
			}
			for _, c := range ch.CIDs {
				seen[c] = true
			}
		}
	}
	// Restarting replays nothing that was applied already.
	m := tc.peers[0]
	m.stop()
	m.start()
	tc.awaitReady()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if ch, err := m.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after a restart: got %+v, %v", ch, err)
	}
}
