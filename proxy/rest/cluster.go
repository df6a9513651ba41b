package rest

import (
	"context"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/event"
	"github.com/underlay/underlay/internal/pinstatus"
)

// Cluster is what the REST API asks of the cluster peer, in the terms of *ipfscluster.Cluster. Methods that send on a
// channel block until they have sent all; they may or may not close the channel.
type Cluster interface {
	ClusterIdentity
	ClusterMembers
	ClusterPins
	ClusterPaths
	ClusterStatus
	ClusterRecovery
	ClusterUpkeep
}

// ClusterIdentity describes this peer.
type ClusterIdentity interface {
	ID(ctx context.Context) api.ID
	Version() string
	Alerts() []api.Alert
	BandwidthByProtocol() api.BandwidthByProtocol
}

// ClusterMembers lists and changes the peers.
type ClusterMembers interface {
	Peers(ctx context.Context, out chan<- api.ID)
	PeerAdd(ctx context.Context, pid peer.ID) (*api.ID, error)
	PeerRemove(ctx context.Context, pid peer.ID) error
	ConnectGraph() (api.ConnectGraph, error)
}

// ClusterPins reads and changes the pinset.
type ClusterPins interface {
	Pins(ctx context.Context, out chan<- api.Pin) error
	PinGet(ctx context.Context, c api.Cid) (api.Pin, error)
	Pin(ctx context.Context, c api.Cid, o api.PinOptions) (api.Pin, error)
	Unpin(ctx context.Context, c api.Cid) (api.Pin, error)
}

// ClusterPaths changes the pinset by IPFS path instead of CID.
type ClusterPaths interface {
	PinPath(ctx context.Context, path string, o api.PinOptions) (api.Pin, error)
	UnpinPath(ctx context.Context, path string) (api.Pin, error)
}

// ClusterStatus tells how far pins have come, on all peers or on this one.
type ClusterStatus interface {
	Status(ctx context.Context, c api.Cid) (pinstatus.Status, error)
	StatusLocal(ctx context.Context, c api.Cid) api.PinInfo
	StatusAll(ctx context.Context, filter api.TrackerStatus, out chan<- pinstatus.Status) error
	StatusOf(ctx context.Context, pins []api.Pin, filter api.TrackerStatus) ([]*pinstatus.Status, error)
	StatusAllLocal(ctx context.Context, filter api.TrackerStatus, out chan<- api.PinInfo) error
}

// ClusterRecovery retries pins in error, on all peers or on this one.
type ClusterRecovery interface {
	Recover(ctx context.Context, c api.Cid) (api.GlobalPinInfo, error)
	RecoverLocal(ctx context.Context, c api.Cid) (api.PinInfo, error)
	RecoverAll(ctx context.Context, out chan<- api.GlobalPinInfo) error
	RecoverAllLocal(ctx context.Context, out chan<- api.PinInfo) error
}

// ClusterUpkeep collects garbage, on all peers or on this one, and spreads pins evenly.
type ClusterUpkeep interface {
	Rebalance(ctx context.Context, dry bool, each func(event.Move) error) error
	RepoGC(ctx context.Context) (api.GlobalRepoGC, error)
	RepoGCLocal(ctx context.Context) (api.RepoGC, error)
}

// Monitor is the source of /monitor/metrics. The library's peer monitors satisfy it.
type Monitor interface {
	LatestMetrics(ctx context.Context, name string) []api.Metric
	MetricNames(ctx context.Context) []string
}
