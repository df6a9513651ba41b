package consensus

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/state"
)

// An update of a pin is one step: whoever reads sees the old pin or the new one,
// and of two updates that start from the same pin one succeeds.
func TestUpdatesAreAtomic(t *testing.T) {
	tc := startCluster(t, 3, nil)
	mustCommit(t, tc.peers[0], PinOp(plainPin(0)))
	for round := range 15 {
		from := plainPin(round * 10)
		pins, err := tc.peers[round%3].Pins(limit(t))
		if err != nil {
			t.Fatal(err)
		}
		_, revision, err := pins.GetRevision(t.Context(), from.Cid)
		if err != nil || revision == 0 {
			t.Fatalf("revision %d, %v", revision, err)
		}
		errs := make([][]error, 3)
		var wg sync.WaitGroup
		for i, m := range tc.peers {
			wg.Go(func() {
				// All go to the same pin, so that the next round finds it.
				to := plainPin((round + 1) * 10)
				to.Name = string(rune('a' + i))
				done, err := m.CommitAtomic(limit(t), PinOp(to), UnpinOp(from.Cid).IfRevision(revision))
				if err != nil {
					t.Errorf("round %d: %v", round, err)
				}
				errs[i] = done.Errs
			})
		}
		wg.Wait()
		winner := -1
		for i, e := range errs {
			switch {
			case len(e) == 2 && e[0] == nil && e[1] == nil && winner < 0:
				winner = i
			case len(e) == 2 && errors.Is(e[0], ErrNotApplied) && errors.Is(e[1], ErrConflict):
			default:
				t.Errorf("round %d, peer %d: got results %v", round, i, e)
			}
		}
		all := statePins(t, tc.peers[round%3])
		if p := all[testCid((round+1)*10)]; len(all) != 1 || winner < 0 || p.Name != string(rune('a'+winner)) {
			t.Fatalf("round %d: won by %d, got pins %+v", round, winner, all)
		}
	}
}

func TestMemberRecordsReachEveryPeer(t *testing.T) {
	tc := startCluster(t, 3, nil)
	mustCommit(t, tc.peers[1], SetMemberOp(testPeer(1), []byte("one")), SetMemberOp(testPeer(2), []byte("two")))
	done := mustCommit(t, tc.peers[2], DelMemberOp(testPeer(2)), DelMemberOp(testPeer(3)))
	for i, m := range tc.peers {
		if err := m.WaitApplied(limit(t), done.Index); err != nil {
			t.Fatal(err)
		}
		records, err := m.Members(t.Context())
		if err != nil || len(records) != 1 || records[0].ID != testPeer(1) || string(records[0].Record) != "one" {
			t.Errorf("peer %d: got %v, %v", i, records, err)
		}
		if ch, err := m.Next(limit(t)); err != nil || !ch.Members || len(ch.CIDs) > 0 {
			t.Errorf("peer %d: got changes %+v, %v", i, ch, err)
		}
	}
}

func TestStaleReadsNeedNoLeader(t *testing.T) {
	tc := startCluster(t, 3, nil)
	done := mustCommit(t, tc.peers[0], PinOp(plainPin(1)))
	leader, followers := tc.leader()
	if err := followers[0].WaitApplied(limit(t), done.Index); err != nil {
		t.Fatal(err)
	}
	leader.stop()
	followers[1].stop()
	m := followers[0]
	eventually(t, func() bool { return m.Status().Leader == "" })
	if IsStale(t.Context()) {
		t.Error("a plain context is stale")
	}
	ctx := WithStale(limit(t))
	st, err := m.State(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if has, err := st.Has(ctx, testCid(1)); !has || err != nil {
		t.Errorf("got %v, %v", has, err)
	}
	if _, ok := st.(Pins); !ok {
		t.Error("the state cannot be asked for revisions")
	}
	if _, err := m.Local().Get(ctx, testCid(2)); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("an absent pin: %v", err)
	}
	m.stop()
	if err := m.Barrier(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if up := tc.up(); !slices.Equal(up, nil) {
		t.Error("a peer is still up")
	}
}
