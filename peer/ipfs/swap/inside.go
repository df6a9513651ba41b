package swap

import (
	"context"

	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// Inside returns an exchange that asks the members, and nobody else: what none of them has is not found, after one round
// trip. It lives as long as this exchange; closing it does nothing.
func (x *Exchange) Inside() exchange.SessionExchange {
	return inside{&Exchange{wider: nobody{x.wider}, blocks: x.blocks, host: x.host, members: x.members, server: x.server}}
}

type inside struct{ *Exchange }

// Close does nothing: what it uses belongs to the exchange that it is a part of.
func (inside) Close() error { return nil }

// nobody has no blocks. Of the wider network it only is told of new ones.
type nobody struct{ exchange.Interface }

// GetBlock implements exchange.Fetcher.
func (nobody) GetBlock(_ context.Context, c cid.Cid) (blocks.Block, error) {
	return nil, ipld.ErrNotFound{Cid: c}
}

// GetBlocks implements exchange.Fetcher.
func (nobody) GetBlocks(context.Context, []cid.Cid) (<-chan blocks.Block, error) {
	none := make(chan blocks.Block)
	close(none)
	return none, nil
}
