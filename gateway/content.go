package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/boxo/blockservice"
	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/gateway/assets"
	"github.com/ipfs/boxo/ipld/merkledag"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/boxo/path/resolver"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	prime "github.com/ipld/go-ipld-prime/multicodec"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-multicodec"
)

// content tells pages about what it is that they show.
type content struct {
	blocks  blockservice.BlockService
	dag     ipld.DAGService
	backend boxo.IPFSBackend
}

func newContent(blocks blockservice.BlockService, backend boxo.IPFSBackend) content {
	return content{blocks, merkledag.NewDAGService(blocks), backend}
}

// Links calls f for each entry of a directory, until f fails.
func (c content) Links(ctx context.Context, directory cid.Cid, f func(*ipld.Link) error) error {
	dag := merkledag.NewReadOnlyDagService(merkledag.NewSession(ctx, c.dag))
	root, err := dag.Get(ctx, directory)
	if err != nil {
		return fmt.Errorf("read its root: %w", err)
	}
	d, err := uio.NewDirectoryFromNode(dag, root)
	if err != nil {
		return fmt.Errorf("read its root: %w", err)
	}
	return d.ForEachLink(ctx, f)
}

// Node returns a node of structured data and the name of its codec. It is nil if it does not follow its codec.
func (c content) Node(ctx context.Context, id cid.Cid) (*assets.ParsedNode, string, error) {
	codec := multicodec.Code(id.Prefix().Codec)
	block, err := c.blocks.GetBlock(ctx, id)
	if err != nil {
		return nil, "", fmt.Errorf("read node %s: %w", id, err)
	}
	decode, err := prime.LookupDecoder(uint64(codec))
	if err != nil {
		return nil, codec.String(), nil
	}
	builder := basicnode.Prototype.Any.NewBuilder()
	if err := decode(builder, bytes.NewReader(block.RawData())); err != nil {
		return nil, codec.String(), nil
	}
	node, err := assets.ParseNode(builder.Build())
	if err != nil {
		return nil, codec.String(), nil
	}
	return node, codec.String(), nil
}

// Missing tells which part of a content path does not exist although its parent does, and how many parts end with it.
func (c content) Missing(ctx context.Context, contentPath string) (name string, parts int) {
	full, err := path.NewPath(contentPath)
	if err != nil {
		return "", 0
	}
	segments := full.Segments()
	root, err := c.root(ctx, segments)
	if err != nil {
		return "", 0
	}
	lacks := c.lackingLink(ctx, root, segments[2:])
	if lacks == nil {
		return "", 0
	}
	if _, err := c.dag.Get(ctx, lacks.Node); err != nil { // the resolver says the same of a node that it cannot read
		return "", 0
	}
	for n := len(segments) - 1; n >= 2; n-- {
		if c.lackingLink(ctx, root, segments[2:n]) == nil {
			return segments[n], len(segments) - n
		}
	}
	return "", 0
}

// root resolves what a content path begins with.
func (c content) root(ctx context.Context, segments []string) (path.ImmutablePath, error) {
	root, err := path.NewPathFromSegments(segments[:2]...)
	if err != nil {
		return path.ImmutablePath{}, err
	}
	if !root.Mutable() {
		return path.NewImmutablePath(root)
	}
	resolved, _, _, err := c.backend.ResolveMutable(ctx, root)
	return resolved, err
}

// lackingLink returns the link without which the path below root does not exist, or nil if it exists or cannot be read.
func (c content) lackingLink(ctx context.Context, root path.ImmutablePath, below []string) *resolver.ErrNoLink {
	p, err := path.Join(root, below...)
	if err != nil {
		return nil
	}
	full, err := path.NewImmutablePath(p)
	if err != nil {
		return nil
	}
	_, err = c.backend.ResolvePath(ctx, full)
	lacks, _ := errors.AsType[*resolver.ErrNoLink](err)
	return lacks
}
