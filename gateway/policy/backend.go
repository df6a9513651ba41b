package policy

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/ipfs/boxo/files"
	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
)

// UnknownTTL is for how long an answer may be kept that comes through a name of which nobody knows how long it holds.
const UnknownTTL = time.Minute

// Backend returns a backend that refuses denied paths, also those that only other things lead to: a name, a redirect of
// a website. Denied blocks are for [Policy.Blocks], names on the way for [Policy.Names], which the backend must be made of.
func (p *Policy) Backend(of boxo.IPFSBackend) boxo.IPFSBackend { return allowedBackend{of, p} }

type allowedBackend struct {
	boxo.IPFSBackend
	policy *Policy
}

func (b allowedBackend) refuse(p path.Path) error {
	return b.policy.refuse(p.String(), b.policy.Path(p))
}

// refuseFound refuses what a path has led to, even if nobody has read its block yet, and closes it.
func (b allowedBackend) refuseFound(md boxo.ContentPathMetadata, found io.Closer) error {
	for _, c := range append(md.PathSegmentRoots[:len(md.PathSegmentRoots):len(md.PathSegmentRoots)], md.LastSegment.RootCid()) {
		if err := b.policy.refuseBlock(c); err != nil {
			if found != nil {
				err = errors.Join(err, found.Close())
			}
			return err
		}
	}
	return nil
}

// WrapContextForRequest implements boxo.WithContextHint.
func (b allowedBackend) WrapContextForRequest(ctx context.Context) context.Context {
	if hint, ok := b.IPFSBackend.(boxo.WithContextHint); ok {
		return hint.WrapContextForRequest(ctx)
	}
	return ctx
}

// Get implements boxo.IPFSBackend, as do the methods below.
func (b allowedBackend) Get(ctx context.Context, p path.ImmutablePath, ranges ...boxo.ByteRange) (boxo.ContentPathMetadata, *boxo.GetResponse, error) {
	if err := b.refuse(p); err != nil {
		return boxo.ContentPathMetadata{}, nil, err
	}
	md, got, err := b.IPFSBackend.Get(ctx, p, ranges...)
	if err == nil {
		err = b.refuseFound(md, got)
	}
	if err != nil {
		return boxo.ContentPathMetadata{}, nil, err
	}
	return md, got, nil
}

// GetAll is for TAR.
func (b allowedBackend) GetAll(ctx context.Context, p path.ImmutablePath) (boxo.ContentPathMetadata, files.Node, error) {
	if err := b.refuse(p); err != nil {
		return boxo.ContentPathMetadata{}, nil, err
	}
	md, got, err := b.IPFSBackend.GetAll(ctx, p)
	if err == nil {
		err = b.refuseFound(md, got)
	}
	if err != nil {
		return boxo.ContentPathMetadata{}, nil, err
	}
	return md, whole(got, failureOf(ctx)), nil
}

// GetBlock is for raw blocks.
func (b allowedBackend) GetBlock(ctx context.Context, p path.ImmutablePath) (boxo.ContentPathMetadata, files.File, error) {
	if err := b.refuse(p); err != nil {
		return boxo.ContentPathMetadata{}, nil, err
	}
	md, got, err := b.IPFSBackend.GetBlock(ctx, p)
	if err == nil {
		err = b.refuseFound(md, got)
	}
	if err != nil {
		return boxo.ContentPathMetadata{}, nil, err
	}
	return md, got, nil
}

// Head is for the size and the type.
func (b allowedBackend) Head(ctx context.Context, p path.ImmutablePath) (boxo.ContentPathMetadata, *boxo.HeadResponse, error) {
	if err := b.refuse(p); err != nil {
		return boxo.ContentPathMetadata{}, nil, err
	}
	md, got, err := b.IPFSBackend.Head(ctx, p)
	if err == nil {
		err = b.refuseFound(md, got)
	}
	if err != nil {
		return boxo.ContentPathMetadata{}, nil, err
	}
	return md, got, nil
}

// ResolvePath is for what stands at the end of a path.
func (b allowedBackend) ResolvePath(ctx context.Context, p path.ImmutablePath) (boxo.ContentPathMetadata, error) {
	if err := b.refuse(p); err != nil {
		return boxo.ContentPathMetadata{}, err
	}
	md, err := b.IPFSBackend.ResolvePath(ctx, p)
	if err == nil {
		err = b.refuseFound(md, nil)
	}
	return md, err
}

// GetCAR is for CAR files.
func (b allowedBackend) GetCAR(ctx context.Context, p path.ImmutablePath, params boxo.CarParams) (boxo.ContentPathMetadata, io.ReadCloser, error) {
	if err := b.refuse(p); err != nil {
		return boxo.ContentPathMetadata{}, nil, err
	}
	md, got, err := b.IPFSBackend.GetCAR(ctx, p, params)
	if err == nil {
		err = b.refuseFound(md, got)
	}
	if err != nil {
		return boxo.ContentPathMetadata{}, nil, err
	}
	return md, wholeReader{got, failureOf(ctx)}, nil
}

// IsCached says of nothing denied that it is there.
func (b allowedBackend) IsCached(ctx context.Context, p path.Path) bool {
	return b.refuse(p) == nil && b.IPFSBackend.IsCached(ctx, p)
}

// GetIPNSRecord gives no record of a denied name.
func (b allowedBackend) GetIPNSRecord(ctx context.Context, c cid.Cid) ([]byte, error) {
	if name, err := ipns.NameFromCid(c); err == nil {
		if err := b.refuse(name.AsPath()); err != nil {
			return nil, err
		}
	}
	return b.IPFSBackend.GetIPNSRecord(ctx, c)
}

// ResolveMutable bounds how long the result may be kept, if nobody else does.
func (b allowedBackend) ResolveMutable(ctx context.Context, p path.Path) (path.ImmutablePath, time.Duration, time.Time, error) {
	if err := b.refuse(p); err != nil {
		return path.ImmutablePath{}, 0, time.Time{}, err
	}
	found, ttl, modified, err := b.IPFSBackend.ResolveMutable(ctx, p)
	if err == nil {
		err = b.refuse(found)
	}
	if err != nil {
		return path.ImmutablePath{}, 0, time.Time{}, err
	}
	if ttl <= 0 && p.Mutable() {
		ttl = UnknownTTL
	}
	return found, ttl, modified, nil
}

// GetDNSLinkRecord says of a domain that is denied, or leads to what is, that it leads to itself. So its website becomes a
// request for that name, which is refused as such.
func (b allowedBackend) GetDNSLinkRecord(ctx context.Context, domain string) (path.Path, error) {
	p, err := b.IPFSBackend.GetDNSLinkRecord(ctx, domain)
	if _, ok := errors.AsType[*Denied](err); ok {
		return path.NewPath("/ipns/" + domain)
	}
	return p, err
}
