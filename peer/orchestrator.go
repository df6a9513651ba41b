package peer

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	ipfscluster "github.com/ipfs-cluster/ipfs-cluster"
	"github.com/ipfs-cluster/ipfs-cluster/allocator/balanced"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/informer/disk"
	"github.com/ipfs-cluster/ipfs-cluster/informer/pinqueue"
	"github.com/ipfs-cluster/ipfs-cluster/informer/tags"
	"github.com/ipfs-cluster/ipfs-cluster/monitor/pubsubmon"
	"github.com/ipfs-cluster/ipfs-cluster/observations"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	rpc "github.com/libp2p/go-libp2p-gorpc"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/metrics"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/underlay/underlay/peer/reconcile"
)

// How often the orchestrator does its rounds.
const (
	expiryInterval = time.Minute      // unpins what has expired
	pingInterval   = 10 * time.Second // publishes that this peer is alive
	handoverLimit  = 3 * time.Second  // bounds the transfer of leadership on close
)

// Monitor is the part of the orchestrator's peer monitor that the REST API shows.
type Monitor interface {
	LatestMetrics(ctx context.Context, name string) []api.Metric
	MetricNames(ctx context.Context) []string
}

// clientHolder is an orchestrator component that only keeps the RPC client it is given.
type clientHolder struct{ client atomic.Pointer[rpc.Client] }

// SetClient implements ipfscluster.Component.
func (h *clientHolder) SetClient(c *rpc.Client) { h.client.Store(c) }

// Shutdown implements ipfscluster.Component.
func (h *clientHolder) Shutdown(context.Context) error { return nil }

func (h *clientHolder) get() *rpc.Client { return h.client.Load() }

func (p *Peer) openHost(context.Context) error {
	bandwidth := metrics.NewBandwidthCounter()
	h, err := openHost(p.opts.Listen, p.opts.Announce, p.identity.PrivateKey, p.opts.Secret, bandwidth)
	if err != nil {
		return err
	}
	p.host, p.bandwidth = h, bandwidth
	p.onClose("cluster host", h.Close)
	return nil
}

// waitForever keeps the orchestrator from giving up: when consensus is not ready in time it shuts itself down from its
// own goroutine, which deadlocks, but a peer may wait for its cluster as long as that takes. The setting is the
// library's global, so it is written once however many peers run in this process.
var waitForever = sync.OnceFunc(func() { ipfscluster.ReadyTimeout = math.MaxInt64 })

// openCluster assembles IPFS Cluster's orchestrator from its own monitor, allocator and informers and our consensus,
// connector and tracker.
func (p *Peer) openCluster(ctx context.Context) error {
	waitForever()
	ctx, cancel := context.WithCancel(ctx)
	p.onClose("cluster gossip", func() error { cancel(); return nil })
	gossip, err := openPubsub(ctx, p.host)
	if err != nil {
		return err
	}
	mon, err := p.newMonitor(ctx, gossip)
	if err != nil {
		return err
	}
	allocator, informers, err := p.newAllocation()
	if err != nil {
		return err
	}
	conf, err := p.clusterConfig()
	if err != nil {
		return err
	}
	gate := newStartGate(p.consensus.Ready(ctx))
	informers[0] = gatedInformer{informers[0], gate}
	p.monitor, p.clusterAPI = mon, &clientHolder{}
	p.cluster, err = ipfscluster.NewCluster(ctx, p.host, p.bandwidth, nil, conf, dssync.MutexWrap(datastore.NewMapDatastore()),
		gatedConsensus{p.consensus, gate}, []ipfscluster.API{p.clusterAPI}, collectingConnector{p.connector, p}, reconcile.Tracker{Reconciler: p.reconciler}, mon, allocator, informers,
		(*observations.JaegerTracer)(nil)) // a nil tracer of the right type does nothing
	if err != nil {
		gate.stop()
		return fmt.Errorf("start cluster orchestrator: %w", err)
	}
	p.onClose("cluster orchestrator", func() error { return p.closeCluster(gate) })
	return nil
}

// Yield hands over leadership if this peer has it, so that the cluster loses no leader when this peer goes. It goes on as a
// member, which may lead again. It blocks until another peer leads, at most for some seconds.
func (p *Peer) Yield(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, handoverLimit)
	defer cancel()
	return p.consensus.Handover(ctx)
}

// closeCluster hands over leadership, so that the others need no election, and stops the orchestrator with its parts.
func (p *Peer) closeCluster(gate *startGate) error {
	ctx, cancel := context.WithTimeout(context.Background(), handoverLimit)
	defer cancel()
	gate.settle(ctx)
	if err := p.consensus.Handover(ctx); err != nil {
		p.logger.Warn("could not hand over leadership; the others will elect a leader", "error", err)
	}
	return p.cluster.Shutdown(context.Background())
}

// clusterConfig has no base directory, in which the orchestrator would keep the others' addresses: it would dial them one by one before
// it starts, for seconds each where nobody answers any more. The mesh knows them from the address book.
func (p *Peer) clusterConfig() (*ipfscluster.Config, error) {
	conf := &ipfscluster.Config{}
	if err := conf.Default(); err != nil {
		return nil, fmt.Errorf("make orchestrator configuration: %w", err)
	}
	conf.Peername = p.opts.Name
	conf.Secret = p.opts.Secret
	conf.ListenAddr = p.host.Addrs()
	conf.PeerAddresses = []ma.Multiaddr{}
	conf.ReplicationFactorMin, conf.ReplicationFactorMax = p.opts.ReplicationMin, p.opts.ReplicationMax
	conf.MDNSInterval = 0
	conf.StateSyncInterval = expiryInterval
	conf.MonitorPingInterval = pingInterval
	conf.DisableRepinning = true
	return conf, nil
}

func (p *Peer) newMonitor(ctx context.Context, gossip *pubsub.PubSub) (*pubsubmon.Monitor, error) {
	conf := &pubsubmon.Config{}
	if err := conf.Default(); err != nil {
		return nil, fmt.Errorf("make monitor configuration: %w", err)
	}
	mon, err := pubsubmon.New(ctx, conf, gossip, p.consensus.Peers)
	if err != nil {
		return nil, fmt.Errorf("start peer monitor: %w", err)
	}
	return mon, nil
}

// newAllocation places pins by tag group, then by free space.
func (p *Peer) newAllocation() (*balanced.Allocator, []ipfscluster.Informer, error) {
	var allocConf balanced.Config
	var diskConf disk.Config
	var queueConf pinqueue.Config
	var tagConf tags.Config
	for _, conf := range []interface{ Default() error }{&allocConf, &diskConf, &queueConf, &tagConf} {
		if err := conf.Default(); err != nil {
			return nil, nil, fmt.Errorf("make allocation configuration: %w", err)
		}
	}
	if len(p.opts.Tags) > 0 {
		tagConf.Tags = p.opts.Tags
	}
	allocator, err := balanced.New(&allocConf)
	if err != nil {
		return nil, nil, fmt.Errorf("make allocator: %w", err)
	}
	free, err := disk.NewInformer(&diskConf)
	if err != nil {
		return nil, nil, fmt.Errorf("make free space informer: %w", err)
	}
	queue, err := pinqueue.New(&queueConf)
	if err != nil {
		return nil, nil, fmt.Errorf("make pin queue informer: %w", err)
	}
	tag, err := tags.New(&tagConf)
	if err != nil {
		return nil, nil, fmt.Errorf("make tag informer: %w", err)
	}
	return allocator, []ipfscluster.Informer{free, queue, tag}, nil
}
