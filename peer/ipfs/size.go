package ipfs

import (
	"context"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// Size adds up the bytes of a pin's blocks, each once: those of its DAG, or its one block if it is direct. known is false when
// some are not here. It stops where they are more than most, unless that is 0.
func (p *Pins) Size(ctx context.Context, pin api.Pin, most uint64) (bytes uint64, known bool, err error) {
	seen := cid.NewSet()
	for next := []cid.Cid{pin.Cid.Cid}; len(next) > 0; {
		c := next[len(next)-1]
		next = next[:len(next)-1]
		if !seen.Visit(c) {
			continue
		}
		size, links, err := p.block(ctx, c)
		if ipld.IsNotFound(err) {
			return 0, false, nil
		}
		if err != nil {
			return 0, false, fmt.Errorf("measure %s: %w", pin.Cid, err)
		}
		if bytes += size; most > 0 && bytes > most {
			break
		}
		if pin.MaxDepth == 0 {
			break
		}
		for _, link := range links {
			next = append(next, link.Cid)
		}
	}
	return bytes, true, nil
}

// block returns the size of a block that is here, and what it links to.
func (p *Pins) block(ctx context.Context, c cid.Cid) (uint64, []*ipld.Link, error) {
	if c.Prefix().Codec == cid.Raw {
		size, err := p.node.Blockstore.GetSize(ctx, c)
		return uint64(max(size, 0)), nil, err //nolint:gosec // not negative
	}
	node, err := p.local.Get(ctx, c)
	if err != nil {
		return 0, nil, err
	}
	return uint64(len(node.RawData())), node.Links(), nil
}
