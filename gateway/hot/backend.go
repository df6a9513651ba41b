package hot

import (
	"context"
	"errors"
	"math"
	"net/http"

	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/boxo/retrieval"
	"github.com/ipfs/go-cid"
)

// Backend is inner with files that are read through the cache: what a request asks for and not more, several blocks at a
// time if they are not here.
func (c *Cache) Backend(inner boxo.IPFSBackend) boxo.IPFSBackend { return &backend{inner, c} }

type backend struct {
	boxo.IPFSBackend
	cache *Cache
}

var _ boxo.WithContextHint = (*backend)(nil)

// WrapContextForRequest implements boxo.WithContextHint.
func (b *backend) WrapContextForRequest(ctx context.Context) context.Context {
	if inner, ok := b.IPFSBackend.(boxo.WithContextHint); ok {
		return inner.WrapContextForRequest(ctx)
	}
	return ctx
}

// Get implements boxo.IPFSBackend. What is not a file is left to the inner backend.
func (b *backend) Get(ctx context.Context, p path.ImmutablePath, ranges ...boxo.ByteRange) (boxo.ContentPathMetadata, *boxo.GetResponse, error) {
	about, err := b.ResolvePath(ctx, p)
	if err != nil {
		return boxo.ContentPathMetadata{}, nil, err
	}
	root := about.LastSegment.RootCid()
	if t := root.Type(); t != cid.Raw && t != cid.DagProtobuf || len(about.LastSegmentRemainder) > 0 {
		return b.IPFSBackend.Get(ctx, p, ranges...)
	}
	n, err := b.cache.fetch(ctx, root, true)
	if errors.Is(err, errNotFile) {
		return b.IPFSBackend.Get(ctx, p, ranges...)
	}
	if err != nil {
		return about, nil, retrieval.WrapWithState(ctx, err)
	}
	if n.size == 0 && len(ranges) > 0 && ranges[0].From < 0 { // of which the handler would make a part of -1 bytes
		return about, nil, boxo.NewErrorStatusCodeFromStatus(http.StatusRequestedRangeNotSatisfiable)
	}
	about.ModTime = n.modTime
	offset, horizon := reads(ranges, n.size)
	opened(ctx, root, n.size)
	s := b.cache.open(ctx, root, n.size, offset, horizon, b.cache.fetch)
	return about, boxo.NewGetResponseFromReader(&reader{stream: s}, n.size), nil
}

// reads tells where the handler begins to read, and where it ends if all goes as it is wished. A range that begins before
// the file is all of it.
func reads(ranges []boxo.ByteRange, size int64) (offset, horizon int64) {
	horizon = math.MaxInt64
	if len(ranges) == 0 {
		return 0, horizon
	}
	first := ranges[0]
	if first.To != nil && *first.To < math.MaxInt64 {
		horizon = *first.To + 1
	}
	if first.From < 0 {
		return max(size+first.From, 0), horizon
	}
	return first.From, horizon
}
