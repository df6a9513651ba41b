package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
)

// The replicated value that is the tree.
const (
	space = "files"
	key   = space + "/tree"
)

// tree is what the cluster has agreed on. In a new cluster it is kubo's empty directory, with revision 0.
type tree struct {
	root      cid.Cid
	unflushed peer.ID // the peer that has changes which are not flushed; empty: none has
	revision  uint64
}

// treeRecord is a tree as it is stored.
type treeRecord struct {
	Root      cid.Cid `json:"root"`
	Unflushed peer.ID `json:"unflushed,omitempty"`
}

// same tells whether two trees differ in nothing but their revision.
func (t tree) same(other tree) bool { return t.root == other.root && t.unflushed == other.unflushed }

// tree reads the tree, with everything that was acknowledged before unless ctx is stale.
func (f *Files) tree(ctx context.Context) (tree, error) {
	value, err := f.opts.Consensus.Value(ctx, key)
	if errors.Is(err, state.ErrNotFound) {
		return tree{root: unixfs.EmptyDirNode().Cid()}, nil
	}
	if err != nil {
		return tree{}, fmt.Errorf("read the root of the files: %w", err)
	}
	var record treeRecord
	if err := json.Unmarshal(value.Data, &record); err != nil {
		return tree{}, fmt.Errorf("decode the root of the files: %w", err)
	}
	return tree{record.Root, record.Unflushed, value.Revision}, nil
}

// applied is the tree by what this peer has applied.
func (f *Files) applied() (tree, error) {
	return f.tree(consensus.WithStale(f.ctx))
}

// setOp is the operation that makes next the tree, if base is it still.
func setOp(base, next tree) (consensus.Op, error) {
	data, err := json.Marshal(treeRecord{next.root, next.unflushed})
	if err != nil {
		return consensus.Op{}, fmt.Errorf("encode the root of the files: %w", err)
	}
	return consensus.SetValueOp(key, data).IfRevision(base.revision), nil
}
