package rpc

import (
	"context"
	"net/http"
	"sync"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/kubo/core"
)

// join runs an add. What it has put into the files is the cluster's before its answer ends, and also if it fails halfway.
func (a *filesAPI) join(w http.ResponseWriter, r *http.Request) {
	a.kubo.onNodeOf(func(r *http.Request) (*core.IpfsNode, error) {
		root, commit, err := a.files.Join(r.Context())
		if err != nil {
			return nil, NoteFailure(r.Context(), err)
		}
		node := a.on(r, root)
		lock := &lingering{GCBlockstore: node.Blockstore, kept: node.Blockstore.PinLock(r.Context())}
		node.Blockstore = lock
		committed := false
		once := func(ctx context.Context) error {
			lock.release(ctx)
			if committed {
				return nil
			}
			committed = true
			return commit(ctx)
		}
		awaitLater(r.Context(), once)
		atEnd(r.Context(), func() { _ = once(r.Context()) }) // the command has failed, and its client knows
		return node, nil
	}).ServeHTTP(w, r)
}

// lingering is a node's blockstore whose pin lock is held while nobody takes it, from the start to release: nothing else
// keeps the blocks of a file that is not pinned from a collection before it is entered in a directory.
type lingering struct {
	blockstore.GCBlockstore
	mu   sync.Mutex
	kept blockstore.Unlocker
}

// PinLock implements blockstore.GCLocker.
func (l *lingering) PinLock(ctx context.Context) blockstore.Unlocker {
	l.release(ctx) // who waits for it with a collection would wait for the lock that is taken now
	return lingeringLock{l, l.GCBlockstore.PinLock(ctx)}
}

// release lets go what is kept.
func (l *lingering) release(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept != nil {
		l.kept.Unlock(ctx)
		l.kept = nil
	}
}

type lingeringLock struct {
	store *lingering
	lock  blockstore.Unlocker
}

// Unlock implements blockstore.Unlocker.
func (l lingeringLock) Unlock(context.Context) {
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	l.store.kept = l.lock
}
