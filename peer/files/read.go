package files

import (
	"context"
	"sync"

	"github.com/ipfs/boxo/mfs"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// view is a tree as it was at one moment, to be read by many at the same time.
type view struct {
	cid  cid.Cid
	root *mfs.Root
	end  context.CancelFunc

	mu      sync.Mutex
	readers int
	retired bool
}

// ReadPlace returns the peer that shows the tree with everything that was acknowledged before the call, unless ctx is
// stale: the one that has changes which are not flushed, as long as it leads, and this one otherwise.
func (f *Files) ReadPlace(ctx context.Context) (peer.ID, error) {
	now, err := f.tree(ctx)
	if err != nil {
		return "", err
	}
	if p := now.unflushed; p != "" && p == f.opts.Consensus.Status().Leader && p != f.opts.ID && f.opts.Connected(p) {
		return p, nil
	}
	return f.opts.ID, nil
}

// Read returns the tree as this peer has applied it, with its own changes that are not flushed. The caller must not change
// it, and calls release when it has read. When ctx ends, nothing more is fetched for it. Readers share a tree in memory;
// those who look at all entries of directories share another one, since that makes it costly for others.
func (f *Files) Read(ctx context.Context, all bool) (root *mfs.Root, release func(), err error) {
	c, err := f.visible()
	if err != nil {
		return nil, nil, err
	}
	v, err := f.viewOf(ctx, c, all)
	if err != nil {
		return nil, nil, err
	}
	// Who has gone away may still wait for a block, and keep others from the directory: they shall not find it.
	gone := context.AfterFunc(ctx, func() {
		f.forget(v)
		v.release()
	})
	return v.root, func() {
		if gone() {
			v.release()
		}
	}, nil
}

// visible is the root that readers see here.
func (f *Files) visible() (cid.Cid, error) {
	now, err := f.applied()
	if err != nil {
		return cid.Undef, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.writer; now.unflushed == f.opts.ID && w != nil && w.failed == nil && w.base.unflushed == f.opts.ID {
		return w.live, nil
	}
	return now.root, nil
}

// viewOf returns a view with one reader more.
func (f *Files) viewOf(ctx context.Context, c cid.Cid, all bool) (*view, error) {
	f.viewing.Lock()
	defer f.viewing.Unlock()
	if f.ctx.Err() != nil {
		return nil, ErrClosed
	}
	if v := f.views[all]; v != nil && v.cid == c {
		v.acquire()
		return v, nil
	}
	rootCtx, cancel := context.WithCancel(f.ctx)
	defer context.AfterFunc(ctx, cancel)()
	root, err := f.openRoot(rootCtx, c, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	v := &view{cid: c, root: root, end: cancel, readers: 1}
	if old := f.views[all]; old != nil {
		old.retire()
	}
	f.views[all] = v
	return v, nil
}

// forget makes later readers open the tree anew.
func (f *Files) forget(v *view) {
	f.viewing.Lock()
	for all, current := range f.views {
		if current == v {
			delete(f.views, all)
		}
	}
	f.viewing.Unlock()
	v.retire()
}

func (v *view) acquire() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.readers++
}

func (v *view) release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.readers--
	v.closeIfUnused()
}

// retire closes the view as soon as nobody reads it.
func (v *view) retire() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.retired {
		v.retired = true
		v.closeIfUnused()
	}
}

func (v *view) closeIfUnused() {
	if v.retired && v.readers == 0 {
		v.end()
	}
}
