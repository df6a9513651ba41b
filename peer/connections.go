package peer

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/underlay/underlay/internal/vitals"
)

// Links tells to whom this peer and its node are connected now. It waits for nobody else.
func (p *Peer) Links(ctx context.Context) (vitals.Links, error) {
	found := vitals.Links{Node: p.node.Identity.String(), Peers: []string{}, Swarm: []string{}}
	names, err := p.Names(ctx)
	if err != nil {
		return found, err
	}
	for id := range names {
		if id != p.ID() && p.host.Network().Connectedness(id) == network.Connected {
			found.Peers = append(found.Peers, id.String())
		}
	}
	swarm, err := p.connector.SwarmPeers(ctx)
	if err != nil {
		return found, fmt.Errorf("list whom the node is connected to: %w", err)
	}
	for _, id := range swarm {
		found.Swarm = append(found.Swarm, id.String())
	}
	return found, nil
}
