package ipfs

import (
	"context"

	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
)

// SpareAlso makes collections leave more blocks alone than those that are pinned or held.
func (p *Pins) SpareAlso(more Keys) { p.spares = more }

// SyncBlocks brings all blocks that the node has stored to the disk.
func (p *Pins) SyncBlocks(ctx context.Context) error { return p.pinner.syncBlocks(ctx) }

// Collecting is the node's pinner as a collection has to see it: what it shall spare beside the pins are direct pins.
func (p *Pins) Collecting() pin.Pinner {
	if p.spares == nil {
		return p.pinner
	}
	return collectingPinner{p.pinner, p.spares}
}

type collectingPinner struct {
	*localPinner
	spares Keys
}

// DirectKeys implements pin.Pinner.
func (p collectingPinner) DirectKeys(ctx context.Context, detailed bool) <-chan pin.StreamedPin {
	out := make(chan pin.StreamedPin)
	send := func(s pin.StreamedPin) error {
		select {
		case out <- s:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	go func() {
		defer close(out)
		for s := range p.localPinner.DirectKeys(ctx, detailed) {
			if send(s) != nil {
				return
			}
		}
		err := p.spares(ctx, func(c cid.Cid) error { return send(pin.StreamedPin{Pin: pin.Pinned{Key: c, Mode: pin.Direct}}) })
		if err != nil {
			_ = send(pin.StreamedPin{Err: err}) // fails when nobody listens any more
		}
	}()
	return out
}
