package names

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/kubo/core"
	kubonode "github.com/ipfs/kubo/core/node"
	"github.com/libp2p/go-libp2p/core/routing"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/peer/keys"
)

// Options say whose names these are. All are required.
type Options struct {
	Node   *core.IpfsNode // this peer's; it stays as it is
	Values State          // where the records are
	Keys   *keys.Keys     // by which the leader publishes anew
	Leads  func() bool    // whether this peer is the leader
	Logger *slog.Logger

	// Note is told of every failure of the cluster that a request runs into, with its context, and returns it.
	Note func(context.Context, error) error
}

// Names are the names of a cluster, on one peer.
type Names struct {
	node     core.IpfsNode
	network  routing.ValueStore // the node's own, where published records go
	records  *records
	keys     *keys.Keys
	leads    func() bool
	logger   *slog.Logger
	period   time.Duration // between two publications of a record
	lifetime time.Duration // of a record that is published anew
}

// New prepares the names; Serve must run for records to live on.
func New(o Options) (*Names, error) {
	conf, err := o.Node.Repo.Config()
	if err != nil {
		return nil, fmt.Errorf("read the settings of names: %w", err)
	}
	n := &Names{node: *o.Node, network: o.Node.Routing, keys: o.Keys, leads: o.Leads, logger: o.Logger}
	n.records = &records{values: o.Values, validator: o.Node.RecordValidator, note: o.Note}
	if n.period, n.lifetime, err = schedule(conf); err != nil {
		return nil, err
	}
	n.node.Routing = &router{o.Node.Routing, n.records}
	n.node.Repo = namedRepo{o.Node.Repo, n.records}
	wider, err := widerNames(conf, &n.node)
	if err != nil {
		return nil, err
	}
	n.node.Namesys = n.Over(wider)
	return n, nil
}

// Node returns a copy of the node for commands and the gateway: whatever they resolve or publish is the cluster's. It
// shares everything else with the node.
func (n *Names) Node() *core.IpfsNode { return &n.node }

// PublicNode is Node for those who may only read: what they store with its routing goes to the network alone.
func (n *Names) PublicNode() *core.IpfsNode {
	public := n.node
	public.Routing = readingRouter{n.node.Routing, n.network}
	return &public
}

// Over returns a name system that resolves the names of the cluster by its records, and all others by wider.
func (n *Names) Over(wider namesys.NameSystem) namesys.NameSystem {
	return &system{records: n.records, wider: wider, routing: n.node.Routing, network: n.network}
}

// widerNames is kubo's name system, with its cache, for names of others.
func widerNames(conf *kuboconfig.Config, node *core.IpfsNode) (namesys.NameSystem, error) {
	size := conf.Ipns.ResolveCacheSize
	if size == 0 {
		size = kubonode.DefaultIpnsCacheSize
	}
	cached := kubonode.Namesys(size, conf.Ipns.MaxCacheTTL.WithDefault(kuboconfig.DefaultIpnsMaxCacheTTL))
	system, err := cached(node.Routing, node.DNSResolver, node.Repo)
	if err != nil {
		return nil, fmt.Errorf("make the name system: %w", err)
	}
	return system, nil
}
