package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/exchange/offline"
	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/boxo/path"
	offlineroute "github.com/ipfs/boxo/routing/offline"
	"github.com/ipfs/kubo/config"
	"github.com/ipfs/kubo/core"
	kubonode "github.com/ipfs/kubo/core/node"
	"github.com/libp2p/go-libp2p/core/routing"

	"github.com/underlay/underlay/gateway/limits"
)

// newBackend makes what the policy leaves of the node readable for boxo's handler, and returns what it reads blocks from.
// With Gateway.NoFetch nothing leaves the node: blocks, path resolution and names all come from its own stores. With
// Options.HeldOnly blocks come from the cluster alone, and names from wherever they are known. The node's own path resolvers
// are not for us, because they see denied blocks.
func newBackend(o Options, cfg *config.Config) (blockservice.BlockService, boxo.IPFSBackend, error) {
	n := o.Node
	store := n.Blocks.Blockstore()
	near := blockservice.New(store, offline.Exchange(store))
	if !cfg.Gateway.NoFetch {
		if o.Held != nil {
			near = blockservice.New(store, o.Held)
		}
		blocks := n.Blocks
		if o.HeldOnly {
			blocks = near
		}
		return readBlocks(o, blocks, near, n.Routing, n.Namesys)
	}
	records := offlineroute.NewOfflineRouter(n.Repo.Datastore(), n.RecordValidator)
	names, err := localNames(n, cfg, records)
	if err != nil {
		return nil, nil, err
	}
	if o.NamesOver != nil {
		names = o.NamesOver(names)
	}
	return readBlocks(o, near, near, records, names)
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

// tellingStatus is a name system whose errors have the status that they know of, for boxo's handler to answer.
type tellingStatus struct{ namesys.NameSystem }

// Resolve implements namesys.Resolver.
func (t tellingStatus) Resolve(ctx context.Context, p path.Path, o ...namesys.ResolveOption) (namesys.Result, error) {
	result, err := t.NameSystem.Resolve(ctx, p, o...)
	if known, ok := errors.AsType[interface {
		error
		HTTPStatus() int
	}](err); ok {
		err = boxo.NewErrorStatusCode(err, known.HTTPStatus())
	}
	return result, err
}

// readBlocks makes a backend that reads what is not denied from blocks, at a bounded cost. What is near counts as cached.
func readBlocks(o Options, blocks, near blockservice.BlockService, records routing.ValueStore, names namesys.NameSystem) (blockservice.BlockService, boxo.IPFSBackend, error) {
	opts := []boxo.BackendOption{boxo.WithValueStore(records), boxo.WithNameSystem(o.Policy.Names(tellingStatus{names}))}
	allowed := o.Policy.Blocks(blocks)
	all, err := boxo.NewBlocksBackend(allowed, opts...)
	if err != nil {
		return nil, nil, fmt.Errorf("make gateway backend: %w", err)
	}
	cached, err := boxo.NewBlocksBackend(o.Policy.Blocks(near), opts...)
	if err != nil {
		return nil, nil, fmt.Errorf("make gateway backend of what is near: %w", err)
	}
	bounded := limits.Backend(all, allowed, limits.BackendOptions{Entries: o.Limits.DirectoryEntries, Depth: o.Limits.PathDepth})
	return allowed, o.Policy.Backend(clusterCached{bounded, cached}), nil
}
