package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/standing"
	"github.com/underlay/underlay/peer/reconcile"
)

const (
	// standingsTimeout is how long a member may take to say how it stands; one that takes longer counts as away.
	standingsTimeout = 2 * time.Second
	// standingsBatch is how many CIDs a member is asked about at a time.
	standingsBatch = 4096
)

// Requests is this peer as a pinning service needs it: the replicated state, in which the service keeps the requests that
// it was given, and what becomes of the pins that they ask for.
type Requests struct {
	*consensus.Consensus
	peer *Peer
}

// Requests returns what a pinning service needs of the peer. It belongs to the peer.
func (p *Peer) Requests() Requests { return Requests{p.consensus, p} }

// Leads tells whether this peer is the cluster's leader, as far as it knows.
func (r Requests) Leads() bool { return r.peer.leads() }

// Complete fills in what a pin leaves to the cluster: how often it is replicated, where, and the time. old is the pin
// that it replaces, undefined if there is none. An impossible pin is refused with an error that has a status of 400.
func (r Requests) Complete(ctx context.Context, pin, old api.Pin) (api.Pin, error) {
	return r.peer.complete(ctx, pin, old)
}

// Standings tells for each CID how those members stand with its pin that shall hold it. All members are asked at once;
// one that cannot be reached, or takes more than two seconds, counts as away.
func (r Requests) Standings(ctx context.Context, cids []api.Cid) ([]standing.Pin, error) {
	members, err := r.Peers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list members: %w", err)
	}
	var pins []standing.Pin
	for batch := range slices.Chunk(cids, standingsBatch) {
		found, err := r.standings(ctx, members, batch)
		if err != nil {
			return nil, err
		}
		pins = append(pins, found...)
	}
	return pins, nil
}

func (r Requests) standings(ctx context.Context, members []peer.ID, cids []api.Cid) ([]standing.Pin, error) {
	wanted, err := r.wanted(ctx, members, cids)
	if err != nil {
		return nil, err
	}
	answers := make([][]standing.Peer, len(members))
	done := make(chan struct{}, len(members))
	for i, id := range members {
		go func() {
			answers[i] = r.ask(ctx, id, cids)
			done <- struct{}{}
		}()
	}
	for range members {
		<-done
	}
	pins := make([]standing.Pin, len(cids))
	for n, holders := range wanted {
		if len(holders) == 0 {
			continue
		}
		pin := standing.Pin{Wanted: true, Need: min(r.peer.opts.AckReplicas, len(holders))}
		for i, id := range members {
			if slices.Contains(holders, id) && answers[i] != nil {
				pin.Peers = append(pin.Peers, answers[i][n])
			}
		}
		pin.Away = len(holders) - len(pin.Peers) // with those that are no members any more
		pins[n] = pin
	}
	return pins, nil
}

// wanted lists for each CID the peers that shall hold it, none if it is not pinned.
func (r Requests) wanted(ctx context.Context, members []peer.ID, cids []api.Cid) ([][]peer.ID, error) {
	wanted := make([][]peer.ID, len(cids))
	for n, c := range cids {
		pin, err := r.Local().Get(ctx, c)
		switch {
		case errors.Is(err, state.ErrNotFound):
		case err != nil:
			return nil, fmt.Errorf("read pin of %s: %w", c, err)
		case pin.IsPinEverywhere() || len(pin.Allocations) == 0:
			wanted[n] = members
		default:
			wanted[n] = pin.Allocations
		}
	}
	return wanted, nil
}

// ask asks one member about all CIDs; nil is no answer.
func (r Requests) ask(ctx context.Context, id peer.ID, cids []api.Cid) []standing.Peer {
	ctx, cancel := context.WithTimeout(ctx, standingsTimeout)
	defer cancel()
	req := reconcile.StandingsRequest{Cids: cids, Index: r.Applied()}
	var answer []standing.Peer
	var err error
	switch {
	case id == r.peer.ID():
		answer, err = r.peer.reconciler.Standings(ctx, req)
	case r.peer.host.Network().Connectedness(id) != network.Connected: // members stay connected: it is down
		return nil
	default:
		err = r.peer.client.CallContext(ctx, id, "Peer", "Standings", req, &answer)
	}
	if err != nil || len(answer) != len(cids) {
		return nil
	}
	return answer
}

// Nodes returns the addresses of the members' IPFS nodes, each with the node's identity at its end, by the member that
// runs the node. Of a node that the world can reach they are those at which it can. Members that this peer has not met
// are missing.
func (r Requests) Nodes(ctx context.Context) (map[peer.ID][]api.Multiaddr, error) {
	members, err := r.Peers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list members: %w", err)
	}
	met := r.peer.mesh.nodes()
	met[r.peer.ID()] = r.peer.hello(ctx).NodeAddrs
	nodes := make(map[peer.ID][]api.Multiaddr, len(members))
	for _, id := range members {
		if addrs := met[id]; len(addrs) > 0 {
			nodes[id] = reachable(addrs)
		}
	}
	return nodes, nil
}

// reachable leaves out the addresses that only neighbours can use, if there are others.
func reachable(addrs []api.Multiaddr) []api.Multiaddr {
	var public []api.Multiaddr
	for _, a := range addrs {
		if manet.IsPublicAddr(a.Value()) {
			public = append(public, a)
		}
	}
	if len(public) > 0 {
		return public
	}
	return addrs
}

// nodes returns where the nodes of the peers listen that were met.
func (m *mesh) nodes() map[peer.ID][]api.Multiaddr {
	m.mu.Lock()
	defer m.mu.Unlock()
	nodes := make(map[peer.ID][]api.Multiaddr)
	for _, a := range m.peers {
		if a.hello.Node != "" {
			nodes[a.id] = a.hello.NodeAddrs
		}
	}
	return nodes
}
