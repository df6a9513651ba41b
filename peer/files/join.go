package files

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/ipfs/boxo/mfs"
)

// errReplaced reports that the tree was read anew while somebody was adding to it.
var errReplaced error = replaced{errors.New("the leader has changed while the upload ran: what it added is not in the files; try again")}

type replaced struct{ error }

// HTTPStatus tells the APIs how to answer.
func (replaced) HTTPStatus() int { return http.StatusServiceUnavailable }

// Join lets a long upload put nodes into root while others change the tree too, each node in one step. When it is over, the
// caller calls commit, which returns when all of that is acknowledged.
func (f *Files) Join(ctx context.Context) (root *mfs.Root, commit func(context.Context) error, err error) {
	if err := limited(ctx); err != nil {
		return nil, nil, err
	}
	if err := f.takeTurn(ctx); err != nil {
		return nil, nil, err
	}
	defer f.giveTurn()
	w, err := f.ready(ctx, true)
	if err != nil {
		return nil, nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	w.uses++
	root = w.root
	return root, func(ctx context.Context) error { return f.commitJoined(ctx, w, root) }, nil
}

func (f *Files) commitJoined(ctx context.Context, w *writer, root *mfs.Root) error {
	done := sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		w.uses--
	})
	defer done()
	if node, err := root.GetDirectory().GetNode(); err == nil {
		f.Prepare(ctx, node.Cid())
	}
	if err := f.takeTurn(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	same := f.writer == w && w.root == root && w.failed == nil
	f.mu.Unlock()
	if !same {
		f.giveTurn()
		return errReplaced
	}
	done()
	lock := f.opts.Node.Blockstore.PinLock(ctx)
	await := f.finish(w, true)
	lock.Unlock(ctx)
	f.giveTurn()
	return await(ctx)
}
