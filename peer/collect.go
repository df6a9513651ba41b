package peer

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	pin "github.com/ipfs/boxo/pinning/pinner"

	"github.com/underlay/underlay/peer/ipfs"
)

// DropUnwanted takes away this node's local pins that the pinset, with everything that was acknowledged anywhere before the
// call, does not want here. So a collection right after it removes what was unpinned through any peer. And it waits until
// this node holds the cluster's files, which the collection spares.
func (p *Peer) DropUnwanted(ctx context.Context) error {
	if err := p.consensus.Barrier(ctx); err != nil {
		return fmt.Errorf("learn what is pinned: %w", err)
	}
	if err := p.files.CatchUp(ctx); err != nil {
		return err
	}
	return p.reconciler.DropUnwanted(ctx)
}

// collections count what has become of them on this peer's node.
type collections struct {
	runs, freed atomic.Uint64
	nanoseconds atomic.Int64
}

// Collection notes that a collection runs on this peer's node until end is called.
func (p *Peer) Collection(ctx context.Context) (end func()) {
	ctx = context.WithoutCancel(ctx)
	began := time.Now()
	before, _ := p.node.Repo.GetStorageUsage(ctx) // only counted
	return func() {
		if after, err := p.node.Repo.GetStorageUsage(ctx); err == nil && after < before {
			p.collections.freed.Add(before - after)
		}
		p.collections.nanoseconds.Add(int64(time.Since(began)))
		p.collections.runs.Add(1)
	}
}

// Collecting is the local pinner as a collection on this peer's node has to see it.
func (p *Peer) Collecting() pin.Pinner { return p.pins.Collecting() }

// collectingConnector is the connector for the orchestrator, whose collections remove what was unpinned anywhere before.
type collectingConnector struct {
	*ipfs.Connector
	peer *Peer
}

// RepoGC implements ipfscluster.IPFSConnector.
func (c collectingConnector) RepoGC(ctx context.Context) (api.RepoGC, error) {
	if err := c.peer.DropUnwanted(ctx); err != nil {
		return api.RepoGC{}, err
	}
	defer c.peer.Collection(ctx)()
	return c.Connector.RepoGC(ctx)
}
