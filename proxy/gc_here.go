package proxy

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/kubo/core"
)

// Collector is what a collection needs of the peer.
type Collector interface {
	// DropUnwanted takes the local pins away that the pinset, as of now, does not want on this peer.
	DropUnwanted(ctx context.Context) error
}

// collectPatience is how long a collection waits for uploads and pins that run.
const collectPatience = time.Minute

// collectHere is repo/gc on this peer's node. It removes what was unpinned anywhere before.
func collectHere(k kubo, o RPCOptions, patience time.Duration) http.Handler {
	return withAcks(k.onNodeOf(func(r *http.Request) (*core.IpfsNode, error) {
		node, err := lockedNode(r.Context(), o, patience)
		return node, noteFailure(r.Context(), err)
	}))
}

// lockedNode is this peer's node, ready for a collection, whose lock it holds until the request of ctx ends. A collection
// that takes the lock itself would wait without end for what runs, and those of the other peers behind it.
func lockedNode(ctx context.Context, o RPCOptions, patience time.Duration) (*core.IpfsNode, error) {
	if err := o.Collect.DropUnwanted(ctx); err != nil {
		return nil, err
	}
	lock, err := lockOut(ctx, o.Node.Blockstore, patience)
	if err != nil {
		return nil, err
	}
	held := heldLock{sync.OnceFunc(func() { lock.Unlock(ctx) })}
	if a, ok := acksOf(ctx); ok {
		a.whenEnded(held.release)
	}
	node := *o.Node
	node.Blockstore = lockedStore{o.Node.Blockstore, held}
	return &node, nil
}

// lockOut takes the lock of collections once what runs now and holds the pin lock is done with it.
func lockOut(ctx context.Context, locker blockstore.GCLocker, patience time.Duration) (blockstore.Unlocker, error) {
	taken, givenUp := make(chan blockstore.Unlocker), make(chan struct{})
	go func() { // a lock that is waited for cannot be given up: it is let go as soon as it is there
		lock := locker.GCLock(context.WithoutCancel(ctx))
		select {
		case taken <- lock:
		case <-givenUp:
			lock.Unlock(ctx)
		}
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case lock := <-taken:
		return lock, nil
	case <-timer.C:
		close(givenUp)
		return nil, withStatus(http.StatusServiceUnavailable, fmt.Errorf("an upload or a pin has been running for %s; try again when it is done", patience))
	case <-ctx.Done():
		close(givenUp)
		return nil, ctx.Err()
	}
}

// lockedStore is a node's blockstore for a collection that need not take the lock any more.
type lockedStore struct {
	blockstore.GCBlockstore
	held heldLock
}

// GCLock implements blockstore.GCLocker.
func (s lockedStore) GCLock(context.Context) blockstore.Unlocker { return s.held }

// heldLock may be released more than once.
type heldLock struct{ release func() }

// Unlock implements blockstore.Unlocker.
func (l heldLock) Unlock(context.Context) { l.release() }
