package files

import (
	"context"
	"fmt"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/mfs"
	"github.com/ipfs/boxo/provider"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"

	kuboconfig "github.com/ipfs/kubo/config"
)

// openRoot opens the directory as the root of a file system, as kubo does for its own. What it needs of absent blocks it
// fetches until ctx ends. A root that can be flushed needs publish, and has to be closed.
func (f *Files) openRoot(ctx context.Context, c cid.Cid, publish mfs.PubFunc) (*mfs.Root, error) {
	conf, err := f.opts.Node.Repo.Config()
	if err != nil {
		return nil, fmt.Errorf("read IPFS configuration: %w", err)
	}
	options, err := conf.Import.MFSRootOptions()
	if err != nil {
		return nil, fmt.Errorf("read the settings of files: %w", err)
	}
	node, err := f.opts.Node.DAG.Get(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("read the root directory %s of the files: %w", c, err)
	}
	directory, ok := node.(*merkledag.ProtoNode)
	if !ok {
		return nil, fmt.Errorf("read the root directory %s of the files: %w", c, merkledag.ErrNotProtobuf)
	}
	root, err := mfs.NewRoot(ctx, lastingDAG{f.opts.Node.DAG}, directory, publish, f.provider(conf), options...)
	if err != nil {
		return nil, fmt.Errorf("open the root directory %s of the files: %w", c, err)
	}
	return root, nil
}

// publishNothing is for kubo's publisher of roots, which would try for ever and report no failure. We publish.
func publishNothing(context.Context, cid.Cid) error { return nil }

// provider announces what becomes part of the tree, if the node is configured to do that.
func (f *Files) provider(conf *kuboconfig.Config) provider.MultihashProvider {
	strategy := conf.Provide.Strategy.WithDefault(kuboconfig.DefaultProvideStrategy)
	if kuboconfig.MustParseProvideStrategy(strategy)&kuboconfig.ProvideStrategyMFS == 0 {
		return nil
	}
	return f.opts.Node.Provider
}

// lastingDAG stores nodes also when the context of a root has ended: closing a root stores it.
type lastingDAG struct{ ipld.DAGService }

// Add implements ipld.DAGService.
func (d lastingDAG) Add(ctx context.Context, node ipld.Node) error {
	return d.DAGService.Add(context.WithoutCancel(ctx), node)
}
