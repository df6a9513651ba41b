package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	ipfscluster "github.com/ipfs-cluster/ipfs-cluster"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
)

// API is the orchestrator's Go API, with the operations that this peer does in its own way: changes of the pinset are
// conditional on what they were decided upon, and an operator's word on membership is remembered.
type API struct {
	*ipfscluster.Cluster
	peer *Peer
}

// API returns the cluster's Go API. It belongs to the peer.
func (p *Peer) API() API { return API{p.cluster, p} }

// ScanPins calls f with the pins that a query selects; see Peer.ScanPins.
func (a API) ScanPins(ctx context.Context, q consensus.Query, f func(api.Pin) error) (next string, err error) {
	return a.peer.ScanPins(ctx, q, f)
}

// Pin pins a CID with the given options.
func (a API) Pin(ctx context.Context, c api.Cid, opts api.PinOptions) (api.Pin, error) {
	done, err := a.peer.commitPin(ctx, c, a.peer.withOptions(ctx, c, opts))
	return done.pin, err
}

// PinPath resolves an IPFS or IPNS path and pins what it leads to.
func (a API) PinPath(ctx context.Context, path string, opts api.PinOptions) (api.Pin, error) {
	c, err := a.peer.connector.Resolve(ctx, path)
	if err != nil {
		return api.Pin{}, err
	}
	return a.Pin(ctx, c, opts)
}

// Unpin removes a pin and returns it.
func (a API) Unpin(ctx context.Context, c api.Cid) (api.Pin, error) {
	for {
		pin, revision, err := a.peer.pinNow(ctx, c)
		if err != nil {
			return pin, err
		}
		if pin.Type != api.DataType { // sharded content is made of several pins
			return a.Cluster.Unpin(ctx, c)
		}
		_, err = a.peer.propose(ctx, consensus.UnpinOp(c).IfRevision(revision))
		if errors.Is(err, consensus.ErrConflict) {
			continue
		}
		return pin, err
	}
}

// UnpinPath resolves an IPFS or IPNS path and unpins what it leads to.
func (a API) UnpinPath(ctx context.Context, path string) (api.Pin, error) {
	c, err := a.peer.connector.Resolve(ctx, path)
	if err != nil {
		return api.Pin{}, err
	}
	return a.Unpin(ctx, c)
}

// PeerAdd makes a peer a member on an operator's word, also one that was removed before. One that cannot be reached is a
// member all the same, and takes part once it runs: what is known of it is returned, with the reason in its field Error.
func (a API) PeerAdd(ctx context.Context, id peer.ID) (*api.ID, error) {
	if err := a.peer.forget(ctx, id); err != nil {
		return nil, err
	}
	added, err := a.Cluster.PeerAdd(ctx, id)
	if err == nil {
		return added, nil
	}
	members, listErr := a.peer.consensus.Peers(ctx)
	if listErr != nil || !slices.Contains(members, id) {
		return nil, err
	}
	return &api.ID{ID: id, ClusterPeers: members, Error: fmt.Sprintf("a member, but not reached: %v", err)}, nil
}

// PeerRemove removes a member on an operator's word: it cannot come back by itself.
func (a API) PeerRemove(ctx context.Context, id peer.ID) error {
	if err := a.peer.setMember(ctx, member{ID: id, Removed: true}); err != nil {
		return err
	}
	return a.Cluster.PeerRemove(ctx, id)
}
