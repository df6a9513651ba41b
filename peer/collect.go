package peer

import (
	"context"
	"fmt"
)

// DropUnwanted takes away this node's local pins that the pinset, with everything that was acknowledged anywhere before the
// call, does not want here. So a collection right after it removes what was unpinned through any peer.
func (p *Peer) DropUnwanted(ctx context.Context) error {
	if err := p.consensus.Barrier(ctx); err != nil {
		return fmt.Errorf("learn what is pinned: %w", err)
	}
	return p.reconciler.DropUnwanted(ctx)
}
