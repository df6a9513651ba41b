package files

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/boxo/mfs"
	"github.com/ipfs/go-cid"

	"github.com/underlay/underlay/consensus"
)

// operationLimit is how long an operation may run. It waits for nothing but blocks that are not here, and all others wait
// for it.
const operationLimit = 20 * time.Second

// writer is what this peer has made of the tree. It is thrown away when it turns out that the tree it builds on is not the
// cluster's any more. Its fields are guarded by the mutex of Files, except where noted.
type writer struct {
	base tree // what was committed last
	next tree // what is to be committed
	// seq counts the changes of next, done is how far they are committed.
	seq, done uint64
	live      cid.Cid // the tree as the last operation has left it, flushed or not
	commit    *commit // that runs
	failed    error   // why nothing more of it will be committed
	tried     uint64  // the seq of the commit that has failed

	root *mfs.Root          // of live; nil: to be opened. Set by who has the turn.
	uses int                // uploads that put nodes into root
	end  context.CancelFunc // of root
}

// commit is a run of publish, for those who wait for it.
type commit struct {
	next  tree
	ended chan struct{}
}

// closeRoot gives the writer's root back. The caller has the turn, or nobody can take it.
func (f *Files) closeRoot(w *writer) {
	f.mu.Lock()
	root := w.root
	w.root = nil
	f.mu.Unlock()
	if root != nil {
		_ = root.Close() // what it would publish is published otherwise
		w.end()
	}
}

// Begin starts an operation: the caller may change root until it calls end, and nobody else changes it meanwhile. Without
// flush the change becomes the cluster's with the next one that is flushed. After end the caller must call commit, which
// returns when everything that the operation has changed is acknowledged. If its error is consensus.ErrConflict, another
// peer has changed the tree, and the operation has to be done again; after any other error nothing is known to have changed.
func (f *Files) Begin(ctx context.Context, flush bool) (root *mfs.Root, end func() (commit func(context.Context) error), err error) {
	if err := f.takeTurn(ctx); err != nil {
		return nil, nil, err
	}
	w, err := f.ready(ctx, flush)
	if err != nil {
		f.giveTurn()
		return nil, nil, err
	}
	// No collection takes what the operation makes of blocks before it knows of it.
	lock := f.opts.Node.Blockstore.PinLock(ctx)
	over := context.AfterFunc(ctx, w.end)
	late := time.AfterFunc(operationLimit, w.end)
	return w.root, func() func(context.Context) error {
		defer f.giveTurn()
		defer lock.Unlock(ctx)
		inTime := late.Stop()
		if !over() || !inTime { // it was cut off: what it has done is not to be seen
			f.closeRoot(w)
			err := errors.Join(ctx.Err(), f.ctx.Err())
			if err == nil {
				err = errSlow
			}
			return func(context.Context) error { return err }
		}
		if err := f.checkGrowth(ctx, w); err != nil {
			f.closeRoot(w)
			return func(context.Context) error { return err }
		}
		return f.finish(w, flush)
	}, nil
}

func (f *Files) takeTurn(ctx context.Context) error {
	select {
	case f.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-f.ctx.Done():
		return ErrClosed
	}
}

func (f *Files) giveTurn() { <-f.turn }

// ready makes the writer ready for an operation. The caller has the turn.
func (f *Files) ready(ctx context.Context, flush bool) (*writer, error) {
	w, err := f.current(ctx)
	if err != nil {
		return nil, err
	}
	if !flush {
		if err := f.mark(ctx, w); err != nil {
			return nil, err
		}
	}
	if w.root != nil {
		return w, nil
	}
	rootCtx, cancel := context.WithCancel(f.ctx)
	defer context.AfterFunc(ctx, cancel)()
	root, err := f.openRoot(rootCtx, w.live, publishNothing)
	if err != nil {
		cancel()
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	w.root, w.end = root, cancel
	return w, nil
}

// current returns the writer, a new one if there is none that still counts. The caller has the turn.
func (f *Files) current(ctx context.Context) (*writer, error) {
	f.mu.Lock()
	w := f.writer
	if w != nil && w.failed == nil {
		f.mu.Unlock()
		return w, nil
	}
	f.writer = nil
	f.mu.Unlock()
	if w != nil {
		f.closeRoot(w)
	}
	base, err := f.tree(ctx)
	if err != nil {
		return nil, err
	}
	w = &writer{base: base, next: base, live: base.root}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return nil, ErrClosed
	}
	f.writer = w
	return w, nil
}

// mark commits that this peer has changes that are not flushed, before it has the first. Before each further one it makes
// sure that it still is so: nobody would see a change to a tree that another peer has replaced.
func (f *Files) mark(ctx context.Context, w *writer) error {
	f.mu.Lock()
	if w.next.unflushed != f.opts.ID {
		w.next.unflushed = f.opts.ID
		w.seq++
	}
	seq, marked := w.seq, w.base.unflushed == f.opts.ID
	f.mu.Unlock()
	if err := f.awaitCommit(ctx, w, seq); err != nil || !marked {
		return err
	}
	f.mu.Lock()
	base := w.base
	f.mu.Unlock()
	err := f.confirm(ctx, base)
	if errors.Is(err, consensus.ErrConflict) {
		f.mu.Lock()
		w.failed, w.tried = err, seq
		f.mu.Unlock()
	}
	return err
}

// finish ends an operation that has run to its end.
func (f *Files) finish(w *writer, flush bool) (commit func(context.Context) error) {
	node, err := w.root.GetDirectory().GetNode()
	if err != nil {
		f.closeRoot(w)
		return func(context.Context) error { return fmt.Errorf("store the root directory of the files: %w", err) }
	}
	f.mu.Lock()
	w.live = node.Cid()
	used := w.uses > 0
	f.mu.Unlock()
	if !used { // what it has in memory grows with every path, and so does the time to store it
		f.closeRoot(w)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !flush {
		failed := w.failed
		return func(context.Context) error { return failed }
	}
	w.next.root, w.next.unflushed = w.live, ""
	w.seq++
	seq := w.seq
	return func(ctx context.Context) error { return f.awaitCommit(ctx, w, seq) }
}

// awaitCommit returns when a change is committed, with whatever came after it. Who finds that nobody commits does it.
func (f *Files) awaitCommit(ctx context.Context, w *writer, seq uint64) error {
	for {
		f.mu.Lock()
		switch {
		case w.done >= seq:
			f.mu.Unlock()
			return nil
		case w.failed != nil && seq > w.tried:
			f.mu.Unlock()
			return fmt.Errorf("a change before this one has failed: %w", consensus.ErrConflict)
		case w.failed != nil:
			defer f.mu.Unlock()
			return w.failed
		case f.ctx.Err() != nil:
			f.mu.Unlock()
			return ErrClosed
		case w.commit == nil:
			f.startCommit(w)
		}
		c := w.commit
		f.mu.Unlock()
		select {
		case <-c.ended:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", consensus.ErrUnknownOutcome, ctx.Err())
		}
	}
}

// startCommit commits what the writer has now. The caller holds the mutex.
func (f *Files) startCommit(w *writer) {
	c := &commit{next: w.next, ended: make(chan struct{})}
	w.commit = c
	base, next, seq := w.base, w.next, w.seq
	f.running.Go(func() {
		done, err := f.publish(f.ctx, base, next)
		f.mu.Lock()
		defer f.mu.Unlock()
		if err != nil {
			w.failed, w.tried = err, seq
		} else {
			w.base, w.done = done, seq
			w.next.revision = done.revision
		}
		w.commit = nil
		close(c.ended)
	})
}
