package rest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipld/go-car/v2"
)

// storeCARs stores the blocks of CAR files as they are, tells each root, and pins every root.
func (a *handlers) storeCARs(ctx context.Context, target addTarget, p api.AddParams, dir files.Directory, out chan<- api.AddedOutput) error {
	var added []api.AddedOutput
	it := dir.Entries()
	for it.Next() {
		file := files.ToFile(it.Node())
		if file == nil {
			return badRequest("%s is not a file", it.Name())
		}
		roots, err := storeCAR(ctx, target, it.Name(), file)
		if err != nil {
			return err
		}
		added = append(added, roots...)
	}
	if err := it.Err(); err != nil {
		return err
	}
	var first api.Cid
	roots := roots{wanted: !p.NoPin}
	for i, o := range added {
		if i == 0 {
			first = o.Cid
		}
		roots.note(api.AddedOutput{Cid: o.Cid})
	}
	if _, err := target.Finalize(ctx, first); err != nil {
		return err
	}
	for _, o := range added {
		select {
		case out <- o:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return a.pinRoots(ctx, roots.without(first), p.PinOptions)
}

// storeCAR stores the blocks of one CAR file and returns its roots.
func storeCAR(ctx context.Context, target addTarget, name string, file io.Reader) ([]api.AddedOutput, error) {
	in, err := car.NewBlockReader(file)
	if err != nil {
		return nil, badRequest("%s is no CAR file: %w", name, err)
	}
	if len(in.Roots) == 0 {
		return nil, badRequest("the CAR file %s names no root", name)
	}
	var bytes uint64
	sizes := make(map[cid.Cid]uint64)
	for _, root := range in.Roots {
		sizes[root] = 0
	}
	for n := 1; ; n++ {
		block, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, badRequest("block %d of %s: %w", n, name, err)
		}
		bytes += uint64(len(block.RawData()))
		if _, root := sizes[block.Cid()]; root {
			sizes[block.Cid()] = fileSize(block)
		}
		if err := target.Add(ctx, &merkledag.RawNode{Block: block}); err != nil {
			return nil, fmt.Errorf("store block %s: %w", block.Cid(), err)
		}
	}
	var roots []api.AddedOutput
	for _, root := range in.Roots {
		roots = append(roots, api.AddedOutput{
			Name: name, Cid: api.NewCid(root), Bytes: bytes, Size: sizes[root], Allocations: target.Allocations(),
		})
	}
	return roots, nil
}

// fileSize is the size of the file or directory that a block begins, or 0 if it begins none.
func fileSize(block blocks.Block) uint64 {
	node, err := merkledag.DecodeProtobufBlock(block)
	if err != nil {
		return 0
	}
	file, err := unixfs.ExtractFSNode(node)
	if err != nil {
		return 0
	}
	return file.FileSize()
}
