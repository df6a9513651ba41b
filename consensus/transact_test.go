package consensus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/state"
	"golang.org/x/sync/errgroup"
)

// increment decides on a counter: what it should become, or an error once it has reached limit.
func increment(m *Consensus, limit int) func(context.Context) ([]Op, error) {
	return func(ctx context.Context) ([]Op, error) {
		v, err := m.Value(ctx, "space/counter")
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return nil, err
		}
		n, _ := strconv.Atoi(string(v.Data))
		if n >= limit {
			return nil, errFull
		}
		return []Op{
			SetValueOp("space/counter", []byte(strconv.Itoa(n+1))).IfRevision(v.Revision),
			SetValueOp(fmt.Sprintf("space/step/%d", n+1), nil).IfRevision(0),
		}, nil
	}
}

var errFull = errors.New("the counter is full")

// Decisions that concern the same value, made on every peer at once, take effect one after the other: none is lost, none
// is made twice, and none is refused for a state that is old.
func TestTransact(t *testing.T) {
	const each, clients = 10, 4
	tc := startCluster(t, 3, nil)
	ctx := limit(t)
	total := each * clients * len(tc.peers)
	var g errgroup.Group
	for _, m := range tc.peers {
		for range clients {
			g.Go(func() error {
				for range each {
					if _, err := m.Transact(ctx, increment(m.Consensus, total)); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, m := range tc.peers {
		v, err := m.Value(ctx, "space/counter")
		if err != nil || string(v.Data) != strconv.Itoa(total) {
			t.Errorf("the counter is %q, %v, want %d", v.Data, err, total)
		}
		if steps, err := m.Values(ctx, "space/step/"); err != nil || len(steps) != total {
			t.Errorf("%d steps were made, %v, want %d", len(steps), err, total)
		}
		if _, err := m.Transact(ctx, increment(m.Consensus, total)); !errors.Is(err, errFull) {
			t.Errorf("one more: got error %v, want the decision's own", err)
		}
	}
}

// A decision is made anew when there is nothing any more of what it removes, and one of which an operation is invalid
// ends with that error.
func TestTransactFails(t *testing.T) {
	tc := startCluster(t, 1, nil)
	m, ctx := tc.peers[0], limit(t)
	decided := 0
	_, err := m.Transact(ctx, func(context.Context) ([]Op, error) {
		if decided++; decided == 1 {
			return []Op{SetValueOp("space/other", nil), DelValueOp("space/absent")}, nil
		}
		return nil, errFull
	})
	if !errors.Is(err, errFull) || decided != 2 {
		t.Errorf("decided %d times, %v", decided, err)
	}
	if _, err := m.Value(ctx, "space/other"); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("a part of it took effect: %v", err)
	}
	if _, err := m.Transact(ctx, func(context.Context) ([]Op, error) { return []Op{SetValueOp("", nil)}, nil }); !errors.Is(err, ErrInvalid) {
		t.Errorf("got error %v, want ErrInvalid", err)
	}
}
