package files

import (
	"context"
	"fmt"

	"github.com/underlay/underlay/consensus"
)

// publish makes next the cluster's tree in the place of base, and returns it as committed. Its blocks come first: they are on
// the disks of a majority before the root that needs them.
func (f *Files) publish(ctx context.Context, base, next tree) (tree, error) {
	if err := f.reached(ctx, Changed); err != nil {
		return tree{}, err
	}
	if next.same(base) {
		return base, f.confirm(ctx, base)
	}
	if next.root != base.root {
		if err := f.spread(ctx, base, next); err != nil {
			return tree{}, err
		}
	}
	if err := f.reached(ctx, Held); err != nil {
		return tree{}, err
	}
	op, err := setOp(base, next)
	if err != nil {
		return tree{}, err
	}
	done, err := f.opts.Consensus.Commit(ctx, op)
	if err == nil {
		err = done.Errs[0]
	}
	if err != nil {
		return tree{}, fmt.Errorf("commit the root of the files: %w", err)
	}
	next.revision = done.Index
	return next, f.reached(ctx, Committed)
}

// confirm makes sure that base is the cluster's tree still: what an operation without effect has found may not be old.
func (f *Files) confirm(ctx context.Context, base tree) error {
	now, err := f.tree(ctx)
	if err == nil && now.revision != base.revision {
		err = fmt.Errorf("the files have changed: %w", consensus.ErrConflict)
	}
	return err
}

// reached tells the tests.
func (f *Files) reached(ctx context.Context, s Step) error {
	if f.opts.Reached == nil {
		return nil
	}
	return f.opts.Reached(ctx, s)
}
