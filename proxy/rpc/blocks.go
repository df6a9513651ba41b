package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/proxy/member"
)

// clusterBlocks shows the blocks of all peers as those of one node: for a client, the cluster is the local node. Blocks
// that are here are read here; others are asked of all other peers at once. It is for commands that read, and for the
// removal of blocks. Commands that write must know what is here: a block that another peer has would be passed over.
type clusterBlocks struct {
	blockstore.GCBlockstore // this node's
	members                 members
	asking                  chan struct{} // has a token for every block that is asked for
}

// maxAsking bounds how many blocks the other peers are asked for at a time.
const maxAsking = 64

func newClusterBlocks(own blockstore.GCBlockstore, peers member.Peers) *clusterBlocks {
	return &clusterBlocks{GCBlockstore: own, members: members{member.Group{Peers: peers}}, asking: make(chan struct{}, maxAsking)}
}

// Get returns a block that any peer has.
func (b *clusterBlocks) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	block, err := b.GCBlockstore.Get(ctx, c)
	if !ipld.IsNotFound(err) {
		return block, err
	}
	return askOthers(ctx, b, err, func(ctx context.Context, id peer.ID) (blocks.Block, error) {
		query := url.Values{"arg": {c.String()}, "offline": {"true"}}
		data, err := b.members.Ask(ctx, id, "/api/v0/block/get", query, nil)
		if err != nil {
			return nil, err
		}
		if sum, err := c.Prefix().Sum(data); err != nil || !bytes.Equal(sum.Hash(), c.Hash()) {
			return nil, fmt.Errorf("block %s of peer %s: %w", c, id, blockstore.ErrHashMismatch)
		}
		return blocks.NewBlockWithCid(data, c)
	})
}

// GetSize returns the size of a block that any peer has.
func (b *clusterBlocks) GetSize(ctx context.Context, c cid.Cid) (int, error) {
	size, err := b.GCBlockstore.GetSize(ctx, c)
	if !ipld.IsNotFound(err) {
		return size, err
	}
	block, err := b.Get(ctx, c)
	if err != nil {
		return -1, err
	}
	return len(block.RawData()), nil
}

// Has tells whether any peer has the block.
func (b *clusterBlocks) Has(ctx context.Context, c cid.Cid) (bool, error) {
	here, err := b.GCBlockstore.Has(ctx, c)
	if here || err != nil {
		return here, err
	}
	_, err = askOthers(ctx, b, errElsewhere, func(ctx context.Context, id peer.ID) (bool, error) {
		has, err := b.members.have(ctx, id, []cid.Cid{c})
		if err == nil && !has[0] {
			err = errElsewhere
		}
		return err == nil, err
	})
	if errors.Is(err, errElsewhere) {
		return false, nil
	}
	return err == nil, err
}

// errElsewhere says that a peer does not have a block.
var errElsewhere = errors.New("the block is not on this peer")

// askOthers asks all other peers and returns the first success. If there is none, the error is absent: it stands for all
// peers, of which those that could not be asked are reported.
func askOthers[T any](ctx context.Context, b *clusterBlocks, absent error, ask func(context.Context, peer.ID) (T, error)) (T, error) {
	var none T
	others, err := b.members.Others(ctx)
	if err != nil {
		return none, err
	}
	select {
	case b.asking <- struct{}{}:
		defer func() { <-b.asking }()
	case <-ctx.Done():
		return none, ctx.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	found := make(chan T, len(others))
	member.Each(others, func(id peer.ID) error {
		answer, err := ask(ctx, id)
		switch {
		case err == nil:
			found <- answer
			cancel() // the others need not go on
		case ctx.Err() == nil && errors.Is(err, member.ErrUnreachable):
			member.ReportMissing(ctx, id)
		}
		return nil
	})
	select {
	case answer := <-found:
		return answer, nil
	default:
	}
	if ctx.Err() != nil {
		return none, ctx.Err()
	}
	return none, absent
}

// DeleteBlock removes the block from every peer. Each decides again, while it lets nothing be pinned, whether the
// pinset wants the block.
func (b *clusterBlocks) DeleteBlock(ctx context.Context, c cid.Cid) error {
	ids, err := member.Everyone(ctx, b.members.Peers)
	if err != nil {
		return err
	}
	return joinTexts(member.Each(ids, func(id peer.ID) error { return b.deleteOn(ctx, id, c) }))
}

// joinTexts makes one error of several, in one line. What several peers say is said once.
func joinTexts(errs []error) error {
	var texts []string
	for _, err := range errs {
		if err != nil && !slices.Contains(texts, err.Error()) {
			texts = append(texts, err.Error())
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return errors.New(strings.Join(texts, "; "))
}

func (b *clusterBlocks) deleteOn(ctx context.Context, id peer.ID, c cid.Cid) error {
	query := url.Values{"arg": {c.String()}, "force": {"true"}} // it may be on others only
	answer, err := b.members.Ask(ctx, id, "/api/v0/block/rm", query, nil)
	if err != nil {
		return fmt.Errorf("a peer may still have the block: %w", err)
	}
	var removed struct{ Error string }
	if err := json.Unmarshal(answer, &removed); err != nil {
		return fmt.Errorf("read the answer of peer %s: %w", id, err)
	}
	if removed.Error != "" {
		return errors.New(removed.Error)
	}
	return nil
}

// GCLock locks nothing: each peer takes its own lock for its own blocks. Somebody who held this peer's while waiting for
// another's could wait for ever.
func (*clusterBlocks) GCLock(context.Context) blockstore.Unlocker { return unlocked{} }

type unlocked struct{}

// Unlock implements blockstore.Unlocker.
func (unlocked) Unlock(context.Context) {}
