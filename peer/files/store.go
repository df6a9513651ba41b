package files

import (
	"context"
	"errors"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/ipfs/kubo/core"

	"github.com/underlay/underlay/peer/ipfs/swap"
)

// errUnsure says that a block was not found, and that a peer which was not asked, or did not answer, may have it.
var errUnsure = errors.New("not all peers could be asked for a block")

// store are the blocks of this peer, and those of the members beyond them. Nobody else is asked for any.
type store struct {
	blockstore.GCBlockstore
	here    ipld.DAGService
	members *swap.Exchange
}

func newStore(node *core.IpfsNode, members *swap.Exchange) *store {
	return &store{
		GCBlockstore: node.Blockstore, members: members,
		here: merkledag.NewDAGService(blockservice.New(node.Blockstore, offline.Exchange(node.Blockstore))),
	}
}

// links returns the links of a block that is here. A block that nobody can decode has none.
func (s *store) links(ctx context.Context, c cid.Cid) ([]cid.Cid, error) {
	if c.Type() == cid.Raw {
		has, err := s.Has(ctx, c)
		if err == nil && !has {
			err = ipld.ErrNotFound{Cid: c}
		}
		return nil, err
	}
	node, err := s.here.Get(ctx, c)
	if err != nil {
		return nil, err
	}
	var out []cid.Cid
	for _, l := range node.Links() {
		out = append(out, l.Cid)
	}
	return out, nil
}

// linksAnywhere is links after the block was fetched from a member, if one has it. The error tells by ipld.IsNotFound when
// quorum members, this one included, do not have it, and is errUnsure when it may be elsewhere.
func (s *store) linksAnywhere(ctx context.Context, source *swap.Source, quorum int, c cid.Cid) ([]cid.Cid, error) {
	links, err := s.links(ctx, c)
	if !ipld.IsNotFound(err) {
		return links, err
	}
	block, absent, fetchErr := source.Get(ctx, c)
	switch {
	case fetchErr != nil:
		return nil, fetchErr
	case block == nil && absent+1 < quorum:
		return nil, errUnsure
	case block == nil:
		return nil, err
	}
	if err := s.Put(ctx, block); err != nil {
		return nil, err
	}
	return s.links(ctx, c)
}
