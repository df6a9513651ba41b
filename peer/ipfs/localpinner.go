package ipfs

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/ipfs/boxo/ipld/merkledag"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"

	"github.com/underlay/underlay/internal/pinview"
	"github.com/underlay/underlay/peer/ipfs/blockfiles"
)

// localPinner is the embedded node's pinner, in place of kubo's own: it tells garbage collection, and the announcement of
// content, what the node pins. The pinset is the durable record of what should be pinned, so this needs to keep only
// which of it is here, and syncs nothing when it changes. Two rules make that safe:
//
//   - A pin enters the table when all its blocks are on the disk. So what the table says is true, or was, until a
//     collection that no longer found the pin; and before any collection the table is synced. A power cut can bring
//     back only pins whose blocks have not been collected.
//   - What a power cut took from the table could be collected although the pinset wants it. So nothing is collected
//     before the table has been compared with the pinset: see Pins.CollectOnlyIf.
type localPinner struct {
	pinview.View
	table *pinTable
	holds holds
	// sync brings all blocks that were stored to the disk.
	sync func(context.Context) error
	// mayCollect refuses collections by its error.
	mayCollect atomic.Pointer[func() error]
	// lost is told when blocks can no longer be stored.
	lost atomic.Pointer[func(error)]
}

var _ pin.Pinner = (*localPinner)(nil)

func newLocalPinner(table *pinTable, dag ipld.DAGService, sync func(context.Context) error) *localPinner {
	p := &localPinner{table: table, sync: sync, View: pinview.View{DAG: dag, Closing: table.closing}}
	p.Open = func(context.Context) (pinview.Pins, error) { return heldPins{table, p.holds.list()}, nil }
	return p
}

// RecursiveKeys streams the recursive pins. A collection begins with it, and ends with the error that it yields.
func (p *localPinner) RecursiveKeys(ctx context.Context, detailed bool) <-chan pin.StreamedPin {
	err := p.table.sync(ctx)
	if refuse := p.mayCollect.Load(); err == nil && refuse != nil {
		err = (*refuse)()
	}
	if err == nil {
		return p.View.RecursiveKeys(ctx, detailed)
	}
	failed := make(chan pin.StreamedPin, 1)
	failed <- pin.StreamedPin{Err: err}
	close(failed)
	return failed
}

// Pin stores the node and pins it, with everything below it if recursive is set. Names are the pinset's.
func (p *localPinner) Pin(ctx context.Context, node ipld.Node, recursive bool, name string) error {
	if err := p.DAG.Add(ctx, node); err != nil {
		return fmt.Errorf("store block %s: %w", node.Cid(), err)
	}
	if !recursive {
		return p.PinWithMode(ctx, node.Cid(), pin.Direct, name)
	}
	if err := merkledag.FetchGraph(ctx, node.Cid(), p.DAG); err != nil {
		return fmt.Errorf("fetch %s: %w", node.Cid(), err)
	}
	return p.PinWithMode(ctx, node.Cid(), pin.Recursive, name)
}

// PinWithMode pins blocks that are here.
func (p *localPinner) PinWithMode(ctx context.Context, c cid.Cid, mode pin.Mode, _ string) error {
	if mode != pin.Recursive && mode != pin.Direct {
		return fmt.Errorf("pin %s: unrecognized pin mode", c)
	}
	return p.put(ctx, c, mode)
}

// put syncs the blocks, which are here, and then pins them.
func (p *localPinner) put(ctx context.Context, c cid.Cid, mode pin.Mode) error {
	if err := p.syncBlocks(ctx); err != nil {
		return fmt.Errorf("sync blocks of %s: %w", c, err)
	}
	return p.table.put(ctx, c, mode)
}

func (p *localPinner) syncBlocks(ctx context.Context) error {
	err := p.sync(ctx)
	if lost := p.lost.Load(); lost != nil && errors.Is(err, blockfiles.ErrFailed) {
		(*lost)(err)
	}
	return err
}

// Unpin removes a pin; without recursive only a direct one.
func (p *localPinner) Unpin(ctx context.Context, c cid.Cid, recursive bool) error {
	found, err := p.table.Get(ctx, c)
	switch {
	case err != nil:
		return err
	case found.Mode == pin.NotPinned:
		return pin.ErrNotPinned
	case found.Mode == pin.Recursive && !recursive:
		return fmt.Errorf("%s is pinned recursively", c)
	}
	return p.table.remove(ctx, c)
}

// Update pins to recursively, as from is, and then unpins from if unpin is set.
func (p *localPinner) Update(ctx context.Context, from, to cid.Cid, unpin bool) error {
	found, err := p.table.Get(ctx, from)
	switch {
	case err != nil:
		return err
	case found.Mode != pin.Recursive:
		return fmt.Errorf("update pin of %s: it is not pinned recursively", from)
	}
	if err := merkledag.FetchGraph(ctx, to, p.DAG); err != nil {
		return fmt.Errorf("fetch %s: %w", to, err)
	}
	if err := p.put(ctx, to, pin.Recursive); err != nil || !unpin || from == to {
		return err
	}
	return p.table.remove(ctx, from)
}

// Flush returns when all pins made before are on the disk.
func (p *localPinner) Flush(ctx context.Context) error { return p.table.sync(ctx) }

// Close ends what runs and waits for it. The table's store belongs to the repository, which is closed afterwards.
func (p *localPinner) Close() error {
	p.table.close()
	return nil
}
