package rpc

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ipfs/boxo/blockstore"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/kubo/core"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/upload"
)

// Collector is what a collection needs of the peer.
type Collector interface {
	// DropUnwanted takes the local pins away that the pinset, as of now, does not want on this peer.
	DropUnwanted(ctx context.Context) error
	// Collection notes that a collection runs until end is called.
	Collection(ctx context.Context) (end func())
	// Collecting is the node's pinner as the collection has to see it.
	Collecting() pin.Pinner
}

// collectPatience is how long a collection waits for uploads and pins that run: longer than an upload may stand still.
const collectPatience = upload.Stall + 10*time.Second

// collectHere is repo/gc on this peer's node. It removes what was unpinned anywhere before.
func collectHere(k kubo, o Options, patience time.Duration) http.Handler {
	return withAcks(k.onNodeOf(func(r *http.Request) (*core.IpfsNode, error) {
		if err := o.Collect.DropUnwanted(r.Context()); err != nil {
			return nil, NoteFailure(r.Context(), err)
		}
		lock, err := awaitUploads(r.Context(), o.Node.Blockstore, patience)
		if err != nil {
			return nil, NoteFailure(r.Context(), err)
		}
		store := &lockedStore{GCBlockstore: o.Node.Blockstore, lock: lock}
		atEnd(r.Context(), func() { store.giveBack(r.Context()) })
		files, release, err := o.Files.Read(r.Context(), false)
		if err != nil {
			return nil, NoteFailure(r.Context(), err)
		}
		atEnd(r.Context(), release)
		atEnd(r.Context(), o.Collect.Collection(r.Context()))
		node := *o.Node
		node.Blockstore, node.Pinning, node.FilesRoot = store, o.Collect.Collecting(), files
		return &node, nil
	}))
}

// awaitUploads waits for the lock of a collection, until what runs now and holds the pin lock is done with it. Kubo's own
// command would wait for that without end, and the collections of the other peers behind it.
func awaitUploads(ctx context.Context, locker blockstore.GCLocker, patience time.Duration) (blockstore.Unlocker, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fault.With(http.StatusServiceUnavailable,
		fmt.Errorf("an upload or a pin has been running for %s; try again when it is done", patience)))
	defer cancel()
	locks := make(chan blockstore.Unlocker)
	go func() { // a lock that is waited for cannot be given up: it is let go as soon as it is there
		lock := locker.GCLock(context.WithoutCancel(ctx))
		select {
		case locks <- lock:
		case <-ctx.Done():
			lock.Unlock(ctx)
		}
	}()
	select {
	case lock := <-locks:
		return lock, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// lockedStore is a blockstore whose lock is held already for a collection. If the lock were let go for the collection to
// take it, an upload that paused might go on in between.
type lockedStore struct {
	blockstore.GCBlockstore
	lock  blockstore.Unlocker
	taken atomic.Bool
}

// GCLock implements blockstore.GCLocker.
func (s *lockedStore) GCLock(ctx context.Context) blockstore.Unlocker {
	if s.taken.Swap(true) {
		return s.GCBlockstore.GCLock(ctx)
	}
	return s.lock
}

// giveBack releases the lock if no collection has taken it.
func (s *lockedStore) giveBack(ctx context.Context) {
	if !s.taken.Swap(true) {
		s.lock.Unlock(ctx)
	}
}
