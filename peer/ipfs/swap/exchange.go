package swap

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Exchange asks the nodes of the cluster's members for blocks, and the wider network's exchange for what they do not have.
// Its methods may be called from any goroutine. Make one with New and end it with Close.
type Exchange struct {
	wider   exchange.Interface
	blocks  blockstore.Blockstore
	host    host.Host
	members *members
	server  *server
}

var _ exchange.SessionExchange = (*Exchange)(nil)

// New makes an exchange that serves members from blocks, and stores there what it has got from them. It owns wider. Until
// Admit is called it knows no members.
func New(h host.Host, store blockstore.Blockstore, wider exchange.Interface) *Exchange {
	x := &Exchange{wider: wider, blocks: store, host: h, members: newMembers(h)}
	x.server = newServer(store, x.members.has)
	h.SetStreamHandler(Protocol, x.server.handle)
	return x
}

// Admit makes a node a member's: it is asked for blocks, and served. The caller knows for sure that it is. Called again, it
// says that the node runs anew, so that earlier failures do not count.
func (x *Exchange) Admit(node peer.ID) { x.members.admit(node) }

// Expel undoes Admit, and ends what is under way with that node.
func (x *Exchange) Expel(node peer.ID) {
	x.members.expel(node)
	x.server.drop(node)
}

// Admitted tells whether the node is a member's.
func (x *Exchange) Admitted(node peer.ID) bool { return x.members.has(node) }

// Close implements exchange.Interface: it ends all that runs and waits for it.
func (x *Exchange) Close() error {
	x.host.RemoveStreamHandler(Protocol)
	x.members.close()
	x.server.close()
	return x.wider.Close()
}

// NotifyNewBlocks implements exchange.Interface. Members ask by themselves.
func (x *Exchange) NotifyNewBlocks(ctx context.Context, fresh ...blocks.Block) error {
	return x.wider.NotifyNewBlocks(ctx, fresh...)
}

// GetBlock implements exchange.Fetcher.
func (x *Exchange) GetBlock(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	return x.newSession(x.widely).GetBlock(ctx, c)
}

// GetBlocks implements exchange.Fetcher.
func (x *Exchange) GetBlocks(ctx context.Context, cids []cid.Cid) (<-chan blocks.Block, error) {
	return x.newSession(x.widely).GetBlocks(ctx, cids)
}

// NewSession implements exchange.SessionExchange.
func (x *Exchange) NewSession(ctx context.Context) exchange.Fetcher {
	if wider, ok := x.wider.(exchange.SessionExchange); ok {
		return x.newSession(sync.OnceValue(func() exchange.Fetcher { return wider.NewSession(ctx) }))
	}
	return x.newSession(x.widely)
}

func (x *Exchange) widely() exchange.Fetcher { return x.wider }

var errMismatch = errors.New("the content does not hash to the CID")

// verify makes a block of what a member has sent.
func verify(c cid.Cid, data []byte) (blocks.Block, error) {
	sum, err := c.Prefix().Sum(data)
	if err != nil {
		return nil, fmt.Errorf("hash block %s: %w", c, err)
	}
	if !sum.Equals(c) {
		return nil, fmt.Errorf("block %s: %w", c, errMismatch)
	}
	return blocks.NewBlockWithCid(data, c)
}
