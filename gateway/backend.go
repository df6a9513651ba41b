package gateway

import (
	"fmt"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/exchange/offline"
	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/namesys"
	offlineroute "github.com/ipfs/boxo/routing/offline"
	"github.com/ipfs/kubo/config"
	"github.com/ipfs/kubo/core"
	kubonode "github.com/ipfs/kubo/core/node"
	"github.com/libp2p/go-libp2p/core/routing"
)

// newBackend makes the node readable for boxo's handler. With Gateway.NoFetch nothing leaves the node: blocks, path
// resolution and names all come from its own stores.
func newBackend(n *core.IpfsNode, cfg *config.Config) (boxo.IPFSBackend, error) {
	if !cfg.Gateway.NoFetch {
		return wrapBackend(boxo.NewBlocksBackend(n.Blocks,
			boxo.WithValueStore(n.Routing),
			boxo.WithNameSystem(n.Namesys),
			boxo.WithResolver(n.UnixFSPathResolver)))
	}
	store := n.Blocks.Blockstore()
	records := offlineroute.NewOfflineRouter(n.Repo.Datastore(), n.RecordValidator)
	names, err := localNames(n, cfg, records)
	if err != nil {
		return nil, err
	}
	return wrapBackend(boxo.NewBlocksBackend(blockservice.New(store, offline.Exchange(store)),
		boxo.WithValueStore(records),
		boxo.WithNameSystem(names),
		boxo.WithResolver(n.OfflineUnixFSPathResolver)))
}

func localNames(n *core.IpfsNode, cfg *config.Config, records routing.ValueStore) (namesys.NameSystem, error) {
	size := cfg.Ipns.ResolveCacheSize
	if size < 0 {
		return nil, fmt.Errorf("setting Ipns.ResolveCacheSize is %d: it must not be negative", size)
	}
	if size == 0 {
		size = kubonode.DefaultIpnsCacheSize
	}
	names, err := namesys.NewNameSystem(records,
		namesys.WithDatastore(n.Repo.Datastore()),
		namesys.WithDNSResolver(n.DNSResolver),
		namesys.WithCache(size),
		namesys.WithMaxCacheTTL(cfg.Ipns.MaxCacheTTL.WithDefault(config.DefaultIpnsMaxCacheTTL)))
	if err != nil {
		return nil, fmt.Errorf("make offline name system: %w", err)
	}
	return names, nil
}

func wrapBackend(b *boxo.BlocksBackend, err error) (boxo.IPFSBackend, error) {
	if err != nil {
		return nil, fmt.Errorf("make gateway backend: %w", err)
	}
	return b, nil
}
