package files

import (
	"context"

	"github.com/ipfs/go-cid"
)

// prepareBlocks is from how many blocks on content is spread before the change that needs it: a commit carries the changes
// of many, and shall not wait for the one that brings much.
const prepareBlocks = 64

// Prepare brings a DAG that is about to become part of the tree to a majority, if it is large. The change does so in any
// case, and fails if it cannot: nothing is lost when this fails, but time.
func (f *Files) Prepare(ctx context.Context, root cid.Cid) {
	f.mu.Lock()
	if f.ctx.Err() != nil {
		f.mu.Unlock()
		return
	}
	f.running.Add(1)
	f.mu.Unlock()
	defer f.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.ctx, cancel)()
	if err := f.prepare(ctx, root); err != nil && ctx.Err() == nil {
		f.opts.Logger.Debug("could not spread content before the change that needs it", "root", root, "error", err)
	}
}

func (f *Files) prepare(ctx context.Context, root cid.Cid) error {
	now, err := f.applied()
	if err != nil {
		return err
	}
	added, err := f.added(ctx, now.root, root, len(f.opts.Consensus.Voters())/2+1)
	if err != nil || len(added) < prepareBlocks {
		return err
	}
	return f.spread(ctx, now, tree{root: root}) // what was spread stays until a later tree is held
}
