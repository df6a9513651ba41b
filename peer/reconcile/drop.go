package reconcile

import (
	"context"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
)

// DropUnwanted takes away every local pin that the applied state does not want on this peer. A collection that follows
// removes what only these held. The caller must not hold the node's pin lock.
func (r *Reconciler) DropUnwanted(ctx context.Context) error {
	err := r.pins.Each(ctx, func(c cid.Cid, _ api.IPFSPinStatus) error {
		_, wanted, err := r.wanted(ctx, c)
		if wanted || err != nil {
			return err
		}
		return r.dropUnwanted(ctx, c)
	})
	if err != nil {
		return fmt.Errorf("drop local pins that the pinset does not want: %w", err)
	}
	return nil
}

// dropUnwanted decides again under the locks: a pin that is being made is here before its commit.
func (r *Reconciler) dropUnwanted(ctx context.Context, c cid.Cid) error {
	defer r.node.Blockstore.PinLock(ctx).Unlock(ctx)
	defer r.pins.Lock(c)()
	_, wanted, err := r.wanted(ctx, c)
	if wanted || err != nil {
		return err
	}
	return r.pins.Unpin(ctx, c)
}
