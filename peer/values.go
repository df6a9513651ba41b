package peer

import (
	"context"

	"github.com/underlay/underlay/consensus"
)

// Values are the small values that all peers share, for what is kept in the cluster beside pins. The methods are those of
// consensus.Consensus.
type Values interface {
	Barrier(ctx context.Context) error
	Values(ctx context.Context, prefix string) ([]consensus.Value, error)
	NextValues(ctx context.Context, space string, seen uint64) (uint64, error)
	CommitAtomic(ctx context.Context, ops ...consensus.Op) (consensus.Commit, error)
}

// Values returns what the peer shares with the others. It belongs to the peer.
func (p *Peer) Values() Values { return p.consensus }
