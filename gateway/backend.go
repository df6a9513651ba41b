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
)

// newBackend makes the node readable for boxo's handler, and returns what it reads blocks from. With Gateway.NoFetch nothing
// leaves the node: blocks, path resolution and names all come from its own stores. With Options.Held blocks come from the
// cluster alone, and names from wherever they are known.
func newBackend(o Options, cfg *config.Config) (blockservice.BlockService, boxo.IPFSBackend, error) {
	n := o.Node
	if !cfg.Gateway.NoFetch {
		records, names := boxo.WithValueStore(n.Routing), boxo.WithNameSystem(tellingStatus{n.Namesys})
		if o.Held != nil {
			return wrapBackend(blockservice.New(n.Blocks.Blockstore(), o.Held), records, names)
		}
		return wrapBackend(n.Blocks, records, names, boxo.WithResolver(n.UnixFSPathResolver))
	}
	store := n.Blocks.Blockstore()
	records := offlineroute.NewOfflineRouter(n.Repo.Datastore(), n.RecordValidator)
	names, err := localNames(n, cfg, records)
	if err != nil {
		return nil, nil, err
	}
	if o.NamesOver != nil {
		names = o.NamesOver(names)
	}
	return wrapBackend(blockservice.New(store, offline.Exchange(store)),
		boxo.WithValueStore(records),
		boxo.WithNameSystem(tellingStatus{names}),
		boxo.WithResolver(n.OfflineUnixFSPathResolver))
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

func wrapBackend(blocks blockservice.BlockService, options ...boxo.BackendOption) (blockservice.BlockService, boxo.IPFSBackend, error) {
	backend, err := boxo.NewBlocksBackend(blocks, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("make gateway backend: %w", err)
	}
	return blocks, backend, nil
}
