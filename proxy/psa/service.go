package psa

import (
	"context"
	"log/slog"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pinstatus"
)

// State is the replicated state, in which the service keeps its requests.
type State interface {
	Values
	Pinset
}

// Values are what the cluster remembers under keys.
type Values interface {
	// Value returns the value of a key.
	Value(ctx context.Context, key string) (consensus.Value, error)
	// ValuesBetween returns the first values from one key up to another.
	ValuesBetween(ctx context.Context, from, to string, limit int) ([]consensus.Value, error)
	// NextValues waits until values of a space have changed.
	NextValues(ctx context.Context, space string, seen uint64) (uint64, error)
}

// Pinset is what can be read of pins, and how they and values change.
type Pinset interface {
	// Pins returns the pinset.
	Pins(ctx context.Context) (consensus.Pins, error)
	// Removed lists the CIDs whose pins were removed behind an entry.
	Removed(seen uint64) (cids []api.Cid, now uint64, ok bool)
	// Transact commits what is decided on the state, in one step.
	Transact(ctx context.Context, decide func(context.Context) ([]consensus.Op, error)) (consensus.Commit, error)
	// Commit commits operations each of which may fail by itself.
	Commit(ctx context.Context, ops ...consensus.Op) (consensus.Commit, error)
}

// Cluster tells what becomes of pins.
type Cluster interface {
	// Complete fills in what a pin leaves to the cluster.
	Complete(ctx context.Context, pin, old api.Pin) (api.Pin, error)
	// Standings tells for each CID how the peers stand with its pin that shall hold it.
	Standings(ctx context.Context, cids []api.Cid) ([]pinstatus.Standing, error)
	// Nodes returns the addresses of the members' IPFS nodes, each with the node's identity at its end.
	Nodes(ctx context.Context) (map[peer.ID][]api.Multiaddr, error)
	// Leads tells whether this peer is the cluster's leader.
	Leads() bool
}

// Options say where a pinning service keeps its requests and who pins. State and Cluster are required.
type Options struct {
	State   State
	Cluster Cluster
	Logger  *slog.Logger // nil discards
}

// Service is a pinning service. Any number of goroutines may use it, and any number of peers the same state.
type Service struct {
	state   State
	cluster Cluster
	logger  *slog.Logger
	orphans orphans
}

// New makes a pinning service. Handler serves its API, and Serve has to run on every peer.
func New(o Options) *Service {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{state: o.State, cluster: o.Cluster, logger: o.Logger}
}

// pinsetNow returns the pinset with all that was acknowledged anywhere before, and a context with which reads of the
// state show that too, without asking the leader once more.
func (s *Service) pinsetNow(ctx context.Context) (context.Context, consensus.Pins, error) {
	pins, err := s.state.Pins(ctx)
	return consensus.WithStale(ctx), pins, err
}
