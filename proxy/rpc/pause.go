package rpc

import (
	"context"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
)

// pausing is a node's blockstore that remembers which command is an add, and when it is about to let a garbage collection
// pass. For only an add asks before each file whether one waits; then it pins what it has so far, releases the pin lock and
// takes it again. That root is of no use to anybody but the add, so the pinner keeps it from the collection and out of the
// pinset.
type pausing struct{ blockstore.GCBlockstore }

// GCRequested implements blockstore.GCLocker.
func (b pausing) GCRequested(ctx context.Context) bool {
	requested := b.GCBlockstore.GCRequested(ctx)
	if a, ok := acksOf(ctx); ok {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.adds, a.pauses = true, requested
	}
	return requested
}

// mayLackBlocks tells whether the command may pin a node without the blocks below it.
func mayLackBlocks(ctx context.Context) bool {
	a, ok := acksOf(ctx)
	if !ok {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.adds
}

// holdInPause keeps the DAG below c on the node until the request of ctx ends, and returns true, if the command pins it
// only for the time of a garbage collection.
func holdInPause(ctx context.Context, pinset Pinset, c cid.Cid) bool {
	if !endPause(ctx) {
		return false
	}
	atEnd(ctx, pinset.Hold(c))
	return true
}

// endPause tells whether the command lets a garbage collection pass, which it does for one pin only.
func endPause(ctx context.Context) bool {
	a, ok := acksOf(ctx)
	if !ok {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	pauses := a.pauses
	a.pauses = false
	return pauses
}
