package files

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/peer/ipfs/swap"
)

const (
	// followPause lets changes that come one after the other be followed at once.
	followPause = 500 * time.Millisecond
	// retryPause is after how long a tree is looked at again of which not everything could be found.
	retryPause = 2 * time.Second
	// catchUpLimit is how long a collection waits for this peer to hold the tree.
	catchUpLimit = 20 * time.Second
)

// ErrBehind reports a peer that does not hold the cluster's files yet.
var ErrBehind error = behind{errors.New("this peer has not caught up with the cluster's files; try again later")}

type behind struct{ error }

// HTTPStatus tells the APIs how to answer.
func (behind) HTTPStatus() int { return 503 }

// Serve makes this peer hold what the members have of the tree, whenever it has changed, until ctx ends.
func (f *Files) Serve(ctx context.Context) error {
	var seen uint64
	for {
		next, err := f.opts.Consensus.NextValues(ctx, space, seen)
		if ctx.Err() != nil || errors.Is(err, consensus.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("follow the files: %w", err)
		}
		seen = next
		for {
			err := f.follow(ctx)
			if err == nil {
				break
			}
			if ctx.Err() == nil && !errors.Is(err, errUnsure) {
				f.opts.Logger.Warn("could not fetch the cluster's files; trying again", "error", err)
			}
			if !f.pause(ctx, retryPause) {
				return nil
			}
		}
		if !f.pause(ctx, followPause) {
			return nil
		}
	}
}

// pause waits, but not when somebody waits for this peer to catch up. It returns false when ctx ends.
func (f *Files) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-f.hurry:
		return true
	case <-ctx.Done():
		return false
	}
}

// follow makes this peer hold the tree that it has applied.
func (f *Files) follow(ctx context.Context) error {
	now, err := f.applied()
	if err != nil {
		return err
	}
	before := f.held.now()
	if now.revision == before.Revision {
		return nil
	}
	source := f.blocks.members.NewSource()
	fetching := swap.Bulk(ctx)
	quorum := len(f.opts.Consensus.Voters())/2 + 1
	d := &difference{old: f.blocks.links, new: func(_ context.Context, c cid.Cid) ([]cid.Cid, error) {
		return f.blocks.linksAnywhere(fetching, source, quorum, c)
	}}
	added, err := d.find(ctx, before.Root, now.root)
	if err != nil {
		return err
	}
	return f.settle(ctx, now, added)
}

// errCollected says that a collection was faster.
var errCollected = errors.New("a collection has taken blocks that were just fetched")

// settle remembers that the tree is held, if its blocks are all here still.
func (f *Files) settle(ctx context.Context, now tree, added []cid.Cid) error {
	lock := f.blocks.PinLock(ctx)
	defer lock.Unlock(ctx)
	for _, c := range added {
		has, err := f.blocks.Has(ctx, c)
		if err != nil {
			return fmt.Errorf("look for block %s: %w", c, err)
		}
		if !has {
			return errCollected
		}
	}
	if err := f.opts.Sync(ctx); err != nil {
		return fmt.Errorf("sync the blocks of the files: %w", err)
	}
	return f.held.set(ctx, heldRecord{now.root, now.revision})
}

// CatchUp returns when this peer holds the tree as it has applied it. A collection before that could take what no other
// peer has, because a directory above it is missing here.
func (f *Files) CatchUp(ctx context.Context) error {
	now, err := f.applied()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, catchUpLimit, ErrBehind)
	defer cancel()
	for f.held.now().Revision < now.revision {
		select {
		case f.hurry <- struct{}{}:
		default:
		}
		if err := f.held.await(ctx, now.revision); err != nil {
			return fmt.Errorf("hold the files: %w", context.Cause(ctx))
		}
	}
	return nil
}
