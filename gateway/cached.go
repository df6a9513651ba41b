package gateway

import (
	"context"

	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/path"
)

// clusterCached is a backend for which content is cached (only-if-cached asks for that) if it is in the cluster, on whichever
// peer. A peer that asks only itself would refuse what its neighbours serve at once, and clients see them all as one.
type clusterCached struct {
	boxo.IPFSBackend
	near *boxo.BlocksBackend // reads what is in the cluster, and looks nowhere else
}

var _ boxo.WithContextHint = clusterCached{}

// IsCached implements boxo.IPFSBackend. It looks for the blocks on the path and for the first one at its end; names are
// looked up as always.
func (b clusterCached) IsCached(ctx context.Context, p path.Path) bool {
	found, _, _, err := b.ResolveMutable(ctx, p)
	if err != nil {
		return false
	}
	_, first, err := b.near.GetBlock(ctx, found)
	if err != nil {
		return false
	}
	return first.Close() == nil
}

// WrapContextForRequest implements boxo.WithContextHint.
func (b clusterCached) WrapContextForRequest(ctx context.Context) context.Context {
	if inner, ok := b.IPFSBackend.(boxo.WithContextHint); ok {
		return inner.WrapContextForRequest(ctx)
	}
	return ctx
}
