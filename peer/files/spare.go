package files

import (
	"context"
	"fmt"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// Spare calls spare for every block that a collection must leave alone: what is here of the tree, committed or about to be.
// The caller holds the node's collection lock.
func (f *Files) Spare(ctx context.Context, spare func(cid.Cid) error) error {
	roots, single, err := f.alive()
	if err != nil {
		return err
	}
	for _, c := range single {
		if err := spare(c); err != nil {
			return err
		}
	}
	return f.walk(ctx, roots, spare)
}

// Each calls visit for every block that is here of the tree that this peer has applied.
func (f *Files) Each(ctx context.Context, visit func(cid.Cid) error) error {
	now, err := f.applied()
	if err != nil {
		return err
	}
	return f.walk(ctx, []cid.Cid{now.root}, visit)
}

// walk calls visit for every block that is at or below a root, as far as they are here.
func (f *Files) walk(ctx context.Context, roots []cid.Cid, visit func(cid.Cid) error) error {
	seen := cid.NewSet()
	links := func(ctx context.Context, c cid.Cid) ([]*ipld.Link, error) {
		found, err := ipld.GetLinks(ctx, f.blocks.here, c)
		if ipld.IsNotFound(err) {
			err = nil // it may never have been here
		}
		return found, err
	}
	for _, root := range roots {
		if err := merkledag.Walk(ctx, links, root, seen.Visit, merkledag.Concurrent()); err != nil {
			return fmt.Errorf("walk the files below %s: %w", root, err)
		}
	}
	return seen.ForEach(visit)
}

// alive lists the roots of everything that counts as files here, and blocks that other peers have sent.
func (f *Files) alive() (roots, single []cid.Cid, err error) {
	root, single := f.held.all()
	roots = append(roots, root)
	now, err := f.applied()
	if err != nil {
		return nil, nil, err
	}
	roots = append(roots, now.root)
	if f.kubos.Defined() {
		roots = append(roots, f.kubos)
	}
	f.mu.Lock()
	w := f.writer
	if w == nil {
		f.mu.Unlock()
		return roots, single, nil
	}
	roots = append(roots, w.base.root, w.next.root, w.live)
	if w.commit != nil {
		roots = append(roots, w.commit.next.root)
	}
	open := w.root
	f.mu.Unlock()
	if open != nil { // an upload may have put something into it since
		node, err := open.GetDirectory().GetNode()
		if err != nil {
			return nil, nil, fmt.Errorf("read the root directory of the files: %w", err)
		}
		roots = append(roots, node.Cid())
	}
	return roots, single, nil
}
