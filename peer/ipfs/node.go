package ipfs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/node/libp2p"
	"github.com/ipfs/kubo/repo"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	kuboconfig "github.com/ipfs/kubo/config"
)

// Options configure the embedded node.
type Options struct {
	Dir          string                         // the IPFS repository, created when absent
	Public       bool                           // join the public IPFS network
	Configure    func(*kuboconfig.Config) error // applied to the default configuration at every start; may be nil
	CloseTimeout time.Duration                  // bound on the node's Close

	// Arrange makes the content of kubo's configuration file of the default configuration, in place of Configure.
	Arrange func(*kuboconfig.Config) (map[string]any, error)
}

// Open starts a node online on its repository, which it creates on first use. The caller must pass it to Close. The node
// outlives the requests it serves: ctx must not be the one that a signal cancels, or the node would stop in the middle
// of a drain.
func Open(ctx context.Context, o Options) (*core.IpfsNode, error) {
	if err := loadPlugins(); err != nil {
		return nil, err
	}
	r, err := openRepo(o)
	if err != nil {
		return nil, err
	}
	node, err := startNode(ctx, r, o.CloseTimeout)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return node, nil
}

// Close stops the node and what it leaves running when it is closed by itself.
func Close(node *core.IpfsNode) error {
	var err error
	if node.Bootstrapper != nil {
		err = node.Bootstrapper.Close()
	}
	return errors.Join(err, node.Close())
}

// startNode starts a node on the repository, which it owns once it runs.
func startNode(ctx context.Context, r repo.Repo, closeTimeout time.Duration) (*core.IpfsNode, error) {
	conf, err := r.Config()
	if err != nil {
		return nil, fmt.Errorf("read IPFS configuration: %w", err)
	}
	routing, err := routingOption(conf)
	if err != nil {
		return nil, err
	}
	node, err := core.NewNode(ctx, &core.BuildCfg{
		Repo:      r,
		Online:    true,
		Permanent: true,
		Routing:   routing,
		ExtraOpts: map[string]bool{
			"pubsub": conf.Pubsub.Enabled.WithDefault(false),
			"ipnsps": conf.Ipns.UsePubsub.WithDefault(false),
		},
		ShutdownTimeout: closeTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("start IPFS node: %w", err)
	}
	node.IsDaemon = true
	dropEarlyConnections(node)
	return node, nil
}

// dropEarlyConnections closes the connections that others have made while the node was starting. It listens before all
// of its parts are there, and bitswap never learns of a peer that was connected before it: the node would fetch nothing
// from that peer until the connection ends.
func dropEarlyConnections(node *core.IpfsNode) {
	for _, conn := range node.PeerHost.Network().Conns() {
		_ = conn.Close() // it is gone in any case
	}
}

// Join peers the node with another for good, and connects them at once, where kubo's peering alone waits for seconds.
func Join(ctx context.Context, node *core.IpfsNode, other peer.AddrInfo) error {
	node.Peering.AddPeer(other)
	if s, ok := node.PeerHost.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(other.ID) // what failed before the other was there says nothing
	}
	if err := node.PeerHost.Connect(ctx, other); err != nil {
		return fmt.Errorf("connect to node %s: %w", other.ID, err)
	}
	return nil
}

// routingOption maps kubo's Routing.Type as kubo's daemon command does; see docs/config.md of kubo.
func routingOption(conf *kuboconfig.Config) (libp2p.RoutingOption, error) {
	switch kind := conf.Routing.Type.WithDefault(kuboconfig.DefaultRoutingType); kind {
	case "auto", "default", "":
		return libp2p.ConstructDefaultRouting(conf, libp2p.DHTOption), nil
	case "autoclient":
		return libp2p.ConstructDefaultRouting(conf, libp2p.DHTClientOption), nil
	case "dhtclient":
		return libp2p.DHTClientOption, nil
	case "dht":
		return libp2p.DHTOption, nil
	case "dhtserver":
		return libp2p.DHTServerOption, nil
	case "none":
		return libp2p.NilRouterOption, nil
	case "delegated":
		return libp2p.ConstructDelegatedOnlyRouting(conf), nil
	case "custom":
		return libp2p.ConstructDelegatedRouting(conf.Routing.Routers, conf.Routing.Methods, conf.Identity.PeerID,
			conf.Addresses, conf.Identity.PrivKey,
			conf.HTTPRetrieval.Enabled.WithDefault(kuboconfig.DefaultHTTPRetrievalEnabled)), nil
	default:
		return nil, fmt.Errorf("ipfs.Routing.Type: %q is not a kind of routing that kubo knows", kind)
	}
}
