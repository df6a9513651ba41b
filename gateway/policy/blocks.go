package policy

import (
	"context"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// Blocks returns a view of a block service without the denied blocks: who asks for one gets [Denied]. It is made of a
// blockstore and an exchange without them, because sessions go past the service to both.
func (p *Policy) Blocks(of blockservice.BlockService) blockservice.BlockService {
	var o []blockservice.Option
	if bounded, ok := of.(blockservice.BoundedBlockService); ok {
		o = append(o, blockservice.WithAllowlist(bounded.Allowlist()))
	}
	var wider exchange.Interface
	if x := of.Exchange(); x != nil {
		wider = allowedExchange{x, p}
	}
	return blockservice.New(allowedStore{of.Blockstore(), p}, wider, o...)
}

func (p *Policy) refuseBlock(c cid.Cid) error { return p.refuse(c.String(), p.Block(c)) }

// allowedStore is a blockstore without the denied blocks.
type allowedStore struct {
	blockstore.Blockstore
	policy *Policy
}

// Has implements blockstore.Blockstore.
func (s allowedStore) Has(ctx context.Context, c cid.Cid) (bool, error) {
	if err := s.policy.refuseBlock(c); err != nil {
		return false, err
	}
	return s.Blockstore.Has(ctx, c)
}

// Get implements blockstore.Blockstore. What is not here may come from the exchange yet.
func (s allowedStore) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	if err := s.policy.refuseBlock(c); err != nil {
		return nil, lacks(ctx, err)
	}
	block, err := s.Blockstore.Get(ctx, c)
	if err != nil && !ipld.IsNotFound(err) {
		return nil, lacks(ctx, err)
	}
	return block, err
}

// GetSize implements blockstore.Blockstore.
func (s allowedStore) GetSize(ctx context.Context, c cid.Cid) (int, error) {
	if err := s.policy.refuseBlock(c); err != nil {
		return -1, err
	}
	return s.Blockstore.GetSize(ctx, c)
}

// View implements blockstore.Viewer, for a store that does not as well.
func (s allowedStore) View(ctx context.Context, c cid.Cid, f func([]byte) error) error {
	if err := s.policy.refuseBlock(c); err != nil {
		return err
	}
	if viewer, ok := s.Blockstore.(blockstore.Viewer); ok {
		return viewer.View(ctx, c, f)
	}
	block, err := s.Blockstore.Get(ctx, c)
	if err != nil {
		return err
	}
	return f(block.RawData())
}

// allowedExchange is an exchange that is never asked for denied blocks.
type allowedExchange struct {
	exchange.Interface
	policy *Policy
}

// NewSession implements exchange.SessionExchange.
func (x allowedExchange) NewSession(ctx context.Context) exchange.Fetcher {
	if s, ok := x.Interface.(exchange.SessionExchange); ok {
		return allowedFetcher{s.NewSession(ctx), x.policy}
	}
	return allowedFetcher{x.Interface, x.policy}
}

// GetBlock implements exchange.Fetcher.
func (x allowedExchange) GetBlock(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	return allowedFetcher{x.Interface, x.policy}.GetBlock(ctx, c)
}

// GetBlocks implements exchange.Fetcher.
func (x allowedExchange) GetBlocks(ctx context.Context, cids []cid.Cid) (<-chan blocks.Block, error) {
	return allowedFetcher{x.Interface, x.policy}.GetBlocks(ctx, cids)
}

type allowedFetcher struct {
	exchange.Fetcher
	policy *Policy
}

// GetBlock implements exchange.Fetcher.
func (f allowedFetcher) GetBlock(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	if err := f.policy.refuseBlock(c); err != nil {
		return nil, lacks(ctx, err)
	}
	block, err := f.Fetcher.GetBlock(ctx, c)
	if err != nil {
		return nil, lacks(ctx, err)
	}
	return block, nil
}

// GetBlocks implements exchange.Fetcher. Denied blocks do not come, as if nobody had them.
func (f allowedFetcher) GetBlocks(ctx context.Context, cids []cid.Cid) (<-chan blocks.Block, error) {
	allowed := make([]cid.Cid, 0, len(cids))
	for _, c := range cids {
		if !f.policy.Block(c).Denied {
			allowed = append(allowed, c)
		}
	}
	return f.Fetcher.GetBlocks(ctx, allowed)
}
