package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/libp2p/go-libp2p/core/peer"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pinstatus"
)

const (
	// standingsTimeout is how long a member may take to say how it stands; one that takes longer counts as away.
	standingsTimeout = 2 * time.Second
	// standingsPage is how many CIDs the members are asked about at a time.
	standingsPage = 4096
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

// Standings tells for each CID how those members stand with its pin that shall hold it. All members are asked at once, page
// by page; one that cannot be reached, or takes more than two seconds, counts as away.
func (r Requests) Standings(ctx context.Context, cids []api.Cid) ([]pinstatus.Standing, error) {
	found := make([]pinstatus.Standing, 0, len(cids))
	for page := range slices.Chunk(cids, standingsPage) {
		standings := make([]pinstatus.Standing, len(page))
		if err := r.standings(ctx, page, standings); err != nil {
			return nil, err
		}
		found = append(found, standings...)
	}
	return found, nil
}

func (r Requests) standings(ctx context.Context, cids []api.Cid, found []pinstatus.Standing) error {
	timely, cancel := context.WithTimeout(ctx, standingsTimeout)
	defer cancel()
	return r.peer.surveyOf(timely, cids, func(n int, accounts []*account) error {
		pin, err := r.Local().Get(ctx, cids[n])
		switch {
		case errors.Is(err, state.ErrNotFound):
		case err != nil:
			return fmt.Errorf("read pin of %s: %w", cids[n], err)
		default:
			found[n] = standingFrom(pin, accounts, r.peer.tuning.Load().AckReplicas)
		}
		return nil
	})
}

// standingFrom puts together what the accounts of those members say that shall hold a pin. A member whose account has ended early
// is away.
func standingFrom(pin api.Pin, accounts []*account, ack int) pinstatus.Standing {
	everywhere, wanted := false, len(pin.Allocations)
	if pin.IsPinEverywhere() || wanted == 0 {
		everywhere, wanted = true, len(accounts)
	}
	s := pinstatus.Standing{Wanted: true, Need: min(ack, wanted)}
	for _, a := range accounts {
		if !everywhere && !slices.Contains(pin.Allocations, a.id) {
			continue
		}
		stands, fetched := a.of(pin)
		if a.err == nil {
			s.Holders = append(s.Holders, pinstatus.Holder{ID: a.id, Status: stands.Status, Error: stands.Error, Progress: fetched})
		}
	}
	s.Away = wanted - len(s.Holders) // with those that are no members any more
	return s
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
