package peer

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
)

// rehold gives pins other holders in one step, on behalf of nobody but the cluster: nothing else of them changes, and who
// remembers a pin by its revision is told; see Options.CarryAlong. holders decides for a pin, and may be called again when
// pins have changed meanwhile. It returns the pins as they are then, without those that are gone.
func (p *Peer) rehold(ctx context.Context, cids []api.Cid, holders func(api.Pin) []peer.ID) (pins []api.Pin, index uint64, err error) {
	done, err := p.consensus.Transact(ctx, func(ctx context.Context) (ops []consensus.Op, err error) {
		pins = nil
		for _, c := range cids {
			pin, revision, err := p.consensus.Local().GetRevision(ctx, c)
			if errors.Is(err, state.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("read pin of %s: %w", c, err)
			}
			pin.Allocations = holders(pin)
			along, err := p.carryAlong(ctx, c, revision)
			if err != nil {
				return nil, err
			}
			ops = append(append(ops, consensus.PinOp(pin).IfRevision(revision)), along...)
			pins = append(pins, pin)
		}
		return ops, nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("commit new holders of %d pins: %w", len(cids), err)
	}
	return pins, done.Index, nil
}

// carryAlong returns what is to change with a pin that the cluster writes anew.
func (p *Peer) carryAlong(ctx context.Context, c api.Cid, revision uint64) ([]consensus.Op, error) {
	if p.opts.CarryAlong == nil {
		return nil, nil
	}
	ops, err := p.opts.CarryAlong(ctx, p.consensus.Value, c, revision)
	if err != nil {
		return nil, fmt.Errorf("read what belongs to the pin of %s: %w", c, err)
	}
	return ops, nil
}
