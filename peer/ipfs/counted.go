package ipfs

import (
	"context"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// countedDAG counts the nodes that are read in its session. A context has room for one tracker only, and that of a command
// belongs to its client.
type countedDAG struct {
	ipld.DAGService
	session  ipld.NodeGetter
	progress *merkledag.ProgressTracker
}

// Session implements merkledag.SessionMaker.
func (d countedDAG) Session(context.Context) ipld.NodeGetter {
	return countedGetter{d.session, d.progress}
}

type countedGetter struct {
	ipld.NodeGetter
	progress *merkledag.ProgressTracker
}

// Get implements ipld.NodeGetter.
func (g countedGetter) Get(ctx context.Context, c cid.Cid) (ipld.Node, error) {
	node, err := g.NodeGetter.Get(ctx, c)
	if err == nil {
		g.progress.Update(uint64(len(node.RawData())))
	}
	return node, err
}
