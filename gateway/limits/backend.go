package limits

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/files"
	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// Bounds of what all requests together hold in memory, for a host of 4 GiB.
const (
	heldEntries = 500_000   // entries of directories that are being listed, 400 bytes each
	heldBlocks  = 4_000_000 // CIDs that CAR streams remember, 40 bytes each
)

// Bounds of lookups in the DNS, which a request causes by its Host header alone.
const (
	lookups       = 64
	lookupTimeout = 5 * time.Second
)

// BackendOptions bound what a request may cost by the content that it asks for.
type BackendOptions struct {
	Entries int // of a directory that is listed; 0: any number
	Depth   int // directories within each other in a TAR; required
}

// Backend serves what next does, which reads from blocks, at a bounded cost: directories are listed up to a number of
// entries, archives are made of DAGs of any shape in time and memory that grow with the blocks and not with their depth,
// and few lookups in the DNS run at once.
func Backend(next *boxo.BlocksBackend, blocks blockservice.BlockService, o BackendOptions) boxo.IPFSBackend {
	return &backend{
		BlocksBackend: next, BackendOptions: o, blocks: blocks, dag: merkledag.NewDAGService(blocks),
		entries: newBudget(heldEntries), cids: newBudget(heldBlocks), lookups: make(chan struct{}, lookups),
	}
}

type backend struct {
	*boxo.BlocksBackend
	BackendOptions
	blocks  blockservice.BlockService
	dag     ipld.DAGService
	entries *budget
	cids    *budget
	lookups chan struct{}
}

// Get implements boxo.IPFSBackend.
func (b *backend) Get(ctx context.Context, p path.ImmutablePath, ranges ...boxo.ByteRange) (boxo.ContentPathMetadata, *boxo.GetResponse, error) {
	md, err := b.ResolvePath(ctx, p)
	if err != nil {
		return md, nil, err
	}
	if root := md.LastSegment.RootCid(); root.Prefix().Codec == cid.DagProtobuf {
		node, err := b.dag.Get(ctx, root)
		if err != nil {
			return b.BlocksBackend.Get(ctx, p, ranges...) // which knows how to say it
		}
		if _, ok := directory(node); ok {
			response, err := b.list(ctx, node)
			return md, response, err
		}
	}
	found, response, err := b.BlocksBackend.Get(ctx, md.LastSegment, ranges...)
	md.ModTime = found.ModTime
	return md, response, err
}

// list lists a directory. Its entries are counted as they come: what a directory says about itself may be a lie.
func (b *backend) list(ctx context.Context, node ipld.Node) (*boxo.GetResponse, error) {
	size, err := node.Size()
	if err != nil {
		return nil, fmt.Errorf("read size of directory %s: %w", node.Cid(), err)
	}
	ctx, stop := context.WithCancel(ctx)
	l := &listing{from: b, out: make(chan unixfs.LinkResult), done: make(chan struct{}), stop: stop}
	go l.run(ctx, node)
	return boxo.NewGetResponseFromDirectoryListing(size, l.out, l.close), nil
}

// listing is a directory that is being listed.
type listing struct {
	from *backend
	out  chan unixfs.LinkResult
	done chan struct{}
	stop context.CancelFunc
	held int // of the budget, until the response has ended
}

func (l *listing) close() error {
	l.stop()
	<-l.done
	return nil
}

// run passes the entries on, and at last why there are no more if that is a failure.
func (l *listing) run(ctx context.Context, node ipld.Node) {
	defer close(l.done)
	err := l.from.eachEntry(ctx, node, l.from.Entries, func(link *ipld.Link) error { return l.pass(ctx, link) })
	if errors.Is(err, errTooMany) {
		err = boxo.NewErrorStatusCode(fmt.Errorf("this directory has more than the %d entries that this gateway lists; append the name "+
			"of an entry to the address, or ask for the whole directory as a CAR or TAR", l.from.Entries), http.StatusGone)
	}
	if err != nil {
		select {
		case l.out <- unixfs.LinkResult{Err: err}:
		case <-ctx.Done():
		}
	}
	close(l.out)
	<-ctx.Done()
	l.from.entries.give(l.held)
}

func (l *listing) pass(ctx context.Context, link *ipld.Link) error {
	if most := l.from.Entries; most > 0 && l.held >= most {
		return errTooMany
	}
	if !l.from.entries.take(1) {
		return boxo.NewErrorRetryAfter(errors.New("this gateway is listing as many directories as it can"), 10*time.Second)
	}
	l.held++
	select {
	case l.out <- unixfs.LinkResult{Link: link}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// GetAll implements boxo.IPFSBackend.
func (b *backend) GetAll(ctx context.Context, p path.ImmutablePath) (boxo.ContentPathMetadata, files.Node, error) {
	md, node, err := b.BlocksBackend.GetAll(ctx, p)
	if dir, ok := node.(files.Directory); ok && err == nil {
		node = shallow{dir, ctx, b.Depth, maxArchivePath}
	}
	return md, node, err
}

// GetCAR implements boxo.IPFSBackend.
func (b *backend) GetCAR(ctx context.Context, p path.ImmutablePath, params boxo.CarParams) (boxo.ContentPathMetadata, io.ReadCloser, error) {
	md, err := b.ResolvePath(ctx, p)
	if err != nil || params.Scope != boxo.DagScopeAll {
		return b.BlocksBackend.GetCAR(ctx, p, params)
	}
	params.Scope = boxo.DagScopeBlock
	md, head, err := b.BlocksBackend.GetCAR(ctx, p, params)
	if err != nil {
		return md, nil, err
	}
	return md, newCAR(ctx, b, head, md.LastSegment.RootCid(), params.Duplicates.Bool()), nil
}

// GetDNSLinkRecord implements boxo.IPFSBackend.
func (b *backend) GetDNSLinkRecord(ctx context.Context, host string) (path.Path, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	select {
	case b.lookups <- struct{}{}:
		defer func() { <-b.lookups }()
		return b.BlocksBackend.GetDNSLinkRecord(ctx, host)
	case <-ctx.Done():
		return nil, fmt.Errorf("look for a DNSLink of %s: %w", host, ctx.Err())
	}
}
