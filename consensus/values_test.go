package consensus

import (
	"context"
	"errors"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/state"
)

// A value set through one peer is read through every other, a condition on its revision holds for one of those who name
// it, and whoever follows its space is woken on every peer.
func TestValuesAreShared(t *testing.T) {
	tc := startCluster(t, 3, nil)
	ctx := limit(t)
	woken := make(chan error, len(tc.peers))
	for _, m := range tc.peers {
		go func() { woken <- awaitValue(ctx, m.Consensus, "space/key", "three") }()
	}
	mustCommit(t, tc.peers[0], SetValueOp("space/key", []byte("one")))
	for i, m := range tc.peers {
		v, err := m.Value(ctx, "space/key")
		if err != nil || string(v.Data) != "one" {
			t.Fatalf("peer %d: got %q, %v", i, v.Data, err)
		}
		done, err := m.Commit(ctx, SetValueOp("space/key", []byte("two")).IfRevision(v.Revision+1))
		if err != nil || !errors.Is(done.Errs[0], ErrConflict) {
			t.Errorf("peer %d: a wrong revision gives %v, %v, want ErrConflict", i, done.Errs, err)
		}
	}
	v, err := tc.peers[1].Value(ctx, "space/key")
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, tc.peers[1], SetValueOp("space/key", []byte("three")).IfRevision(v.Revision))
	for range tc.peers {
		if err := <-woken; err != nil {
			t.Error(err)
		}
	}
	mustCommit(t, tc.peers[2], DelValueOp("space/key"))
	if values, err := tc.peers[0].Values(ctx, "space/"); err != nil || len(values) != 0 {
		t.Errorf("after deletion: %v, %v", values, err)
	}
	if _, err := tc.peers[1].Value(ctx, "space/key"); err != state.ErrNotFound { //nolint:errorlint // identity is the promise
		t.Errorf("after deletion: %v", err)
	}
}

// awaitValue follows the value of a key on one peer until it is want.
func awaitValue(ctx context.Context, m *Consensus, key, want string) error {
	for seen := uint64(0); ; {
		var err error
		if seen, err = m.NextValues(ctx, "space", seen); err != nil {
			return err
		}
		v, err := m.Value(WithStale(ctx), key)
		if err == nil && string(v.Data) == want {
			return nil
		}
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return err
		}
	}
}
