package ipfs

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange"
	pin "github.com/ipfs/boxo/pinning/pinner"
	pebbleds "github.com/ipfs/go-ds-pebble"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/repo"
	"github.com/libp2p/go-libp2p/core/host"
	"go.uber.org/fx"

	"github.com/underlay/underlay/peer/ipfs/swap"
)

// nodeRepo is a repository with the table of local pins.
type nodeRepo struct {
	repo.Repo
	pins *pebbleds.Datastore
}

// Close implements repo.Repo.
func (r nodeRepo) Close() error { return errors.Join(r.Repo.Close(), r.pins.Close()) }

// replaceParts is for kubo's registry of changes to the nodes that it builds. Those that have a nodeRepo get our pinner in
// place of kubo's, and an exchange that asks the nodes of the cluster's members before the wider network.
func replaceParts(info core.FXNodeInfo) ([]fx.Option, error) {
	return append(info.FXOptions, fx.Decorate(replacePinner), fx.Decorate(replaceExchange), fx.Provide(dialOptions)), nil
}

func replacePinner(old pin.Pinner, life fx.Lifecycle, r repo.Repo, dag ipld.DAGService) pin.Pinner {
	own, ok := r.(nodeRepo)
	if !ok {
		return old
	}
	p := newLocalPinner(newPinTable(own.pins), dag, func(ctx context.Context) error {
		return own.Datastore().Sync(ctx, blockstore.BlockPrefix)
	})
	// Hooks run in reverse order: this one before the repository is closed.
	life.Append(fx.StopHook(p.Close))
	return p
}

func replaceExchange(wider exchange.Interface, life fx.Lifecycle, r repo.Repo, h host.Host, store blockstore.Blockstore) exchange.Interface {
	if _, ok := r.(nodeRepo); !ok {
		return wider
	}
	x := swap.New(h, store, wider)
	life.Append(fx.StopHook(x.Close))
	return x
}

// Members returns the node's way to exchange blocks with the nodes of the cluster's members.
func Members(node *core.IpfsNode) (*swap.Exchange, error) {
	x, ok := node.Exchange.(*swap.Exchange)
	if !ok {
		return nil, fmt.Errorf("the node's exchange is a %T, which knows no members", node.Exchange)
	}
	return x, nil
}
