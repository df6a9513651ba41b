package ipfs

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange"
	"github.com/ipfs/boxo/filestore"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-datastore"
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
	pins  *pebbleds.Datastore
	files *fileKeys
}

// Close implements repo.Repo.
func (r nodeRepo) Close() error { return errors.Join(r.Repo.Close(), r.pins.Close()) }

// Datastore implements repo.Repo.
func (r nodeRepo) Datastore() repo.Datastore {
	conf, err := r.Config()
	if err != nil || conf.Experimental.FilestoreEnabled || conf.Experimental.UrlstoreEnabled {
		return r.Repo.Datastore()
	}
	return withoutFilestore{r.Repo.Datastore()}
}

// withoutFilestore is a datastore that has no references to files outside, which kubo would sync with every add.
type withoutFilestore struct{ repo.Datastore }

// Sync implements datastore.Datastore.
func (d withoutFilestore) Sync(ctx context.Context, prefix datastore.Key) error {
	if prefix == filestore.FilestorePrefix {
		return nil
	}
	return d.Datastore.Sync(ctx, prefix)
}

// DiskUsage implements datastore.PersistentDatastore.
func (d withoutFilestore) DiskUsage(ctx context.Context) (uint64, error) {
	return datastore.DiskUsage(ctx, d.Datastore)
}

// CollectGarbage implements datastore.GCDatastore, by which kubo ends its collections.
func (d withoutFilestore) CollectGarbage(ctx context.Context) error {
	if inner, ok := d.Datastore.(datastore.GCDatastore); ok {
		return inner.CollectGarbage(ctx)
	}
	return nil
}

// replaceParts is for kubo's registry of changes to the nodes that it builds. Those that have a nodeRepo get our pinner in
// place of kubo's, and an exchange that asks the nodes of the cluster's members before the wider network.
func replaceParts(info core.FXNodeInfo) ([]fx.Option, error) {
	return append(info.FXOptions, fx.Decorate(replacePinner), fx.Decorate(replaceExchange), fx.Decorate(replaceAnnounced), fx.Provide(dialOptions)), nil
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
	if network, ok := wider.(exchange.SessionExchange); ok {
		wider = newPacedExchange(network)
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
