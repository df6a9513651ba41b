package consensus

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/state"
)

// Transact commits what decide makes of the state. Either all operations take effect, in one log entry, or none. decide
// must read with the context that it is given, and have each operation name the revision that it was decided on
// (Op.IfRevision). It is called again when one of them no longer holds or has nothing to remove, so it must do nothing
// else: first on what this peer has applied, which asks nobody, and from then on with all that was acknowledged before.
// Its error ends the call once it was decided on such a state; before that it only asks for one. When Transact returns,
// every read after a Barrier sees the operations, on any peer, but Local may not yet. The errors are those of decide and
// of Commit.
func (c *Consensus) Transact(ctx context.Context, decide func(context.Context) ([]Op, error)) (Commit, error) {
	for current := false; ; current = true {
		if current {
			if err := c.Barrier(ctx); err != nil {
				return Commit{}, fmt.Errorf("read state to decide on: %w", err)
			}
		}
		ops, err := decide(WithStale(ctx))
		if err != nil && !current {
			continue
		}
		if err != nil {
			return Commit{}, err
		}
		done, err := c.decide(ctx, true, ops)
		if err != nil {
			return done, err
		}
		if err = failed(done); err == nil || !outdated(err) {
			return done, err
		}
	}
}

// failed returns why an atomic call had no effect, nil if it had.
func failed(done Commit) error {
	for _, err := range done.Errs {
		if err != nil && !errors.Is(err, ErrNotApplied) {
			return err
		}
	}
	return nil
}

// outdated tells the failures of operations that were decided on an old state.
func outdated(err error) bool {
	return errors.Is(err, ErrConflict) || errors.Is(err, state.ErrNotFound)
}
