package peer

import (
	"context"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"

	"github.com/underlay/underlay/consensus"
)

// PinRevision returns a pin as it is now, and its revision, for RepinAt and UnpinAt. The error is state.ErrNotFound when there
// is none.
func (a API) PinRevision(ctx context.Context, c api.Cid) (api.Pin, uint64, error) {
	return a.peer.pinNow(ctx, c)
}

// RepinAt is Pin for a pin that still has the revision given. Otherwise the error is consensus.ErrConflict.
func (a API) RepinAt(ctx context.Context, c api.Cid, opts api.PinOptions, revision uint64) (api.Pin, error) {
	old, err := a.peer.unchanged(ctx, c, revision)
	if err != nil {
		return api.Pin{}, err
	}
	pin, err := a.peer.complete(ctx, api.PinWithOpts(c, opts), old)
	if err != nil {
		return api.Pin{}, err
	}
	if _, err := a.peer.propose(ctx, consensus.PinOp(pin).IfRevision(revision)); err != nil {
		return api.Pin{}, fmt.Errorf("commit pin of %s: %w", c, err)
	}
	return pin, nil
}

// UnpinAt is Unpin for a pin that still has the revision given. Otherwise the error is consensus.ErrConflict. Content that is
// pinned in parts has no revision of its own: there only what this peer has read just before is compared.
func (a API) UnpinAt(ctx context.Context, c api.Cid, revision uint64) error {
	pin, err := a.peer.unchanged(ctx, c, revision)
	if err != nil {
		return err
	}
	if pin.Type != api.DataType {
		_, err = a.Cluster.Unpin(ctx, c)
		return err
	}
	if _, err := a.peer.propose(ctx, consensus.UnpinOp(c).IfRevision(revision)); err != nil {
		return fmt.Errorf("commit unpin of %s: %w", c, err)
	}
	return nil
}

// unchanged reads a pin that is to have a revision.
func (p *Peer) unchanged(ctx context.Context, c api.Cid, revision uint64) (api.Pin, error) {
	pin, now, err := p.pinNow(ctx, c)
	if err == nil && now != revision {
		err = fmt.Errorf("pin of %s: %w", c, consensus.ErrConflict)
	}
	return pin, err
}

// SizeOf tells how many bytes the content below a CID has, as its root says, if that block is on this peer.
func (a API) SizeOf(ctx context.Context, c api.Cid) (bytes uint64, known bool) {
	node := a.peer.node
	block, err := node.Blockstore.Get(ctx, c.Cid)
	if err != nil {
		return 0, false
	}
	switch c.Cid.Type() {
	case cid.Raw:
		return uint64(len(block.RawData())), true
	case cid.DagProtobuf:
		root, err := merkledag.DecodeProtobufBlock(block)
		if err != nil {
			return 0, false
		}
		bytes, err := root.Size()
		return bytes, err == nil
	}
	return 0, false // its links tell nothing of their sizes
}

// UnfinishedPins lists what is left to do on this peer; see reconcile.Reconciler.
func (p *Peer) UnfinishedPins(filter api.TrackerStatus, from api.Cid, backward bool, limit int) (cids []api.Cid, scanning bool) {
	return p.reconciler.UnfinishedPins(filter, from, backward, limit)
}
