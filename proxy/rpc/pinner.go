package rpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pinview"
	"github.com/underlay/underlay/proxy/fault"
)

// Pinset is what the pinner needs of the peer. Pin and Update are called with the node's pin lock held; the function
// that they return waits until enough peers hold the pin, and is called without it.
type Pinset interface {
	// State returns the pinset with everything that was acknowledged anywhere before the call.
	State(ctx context.Context) (state.ReadOnly, error)
	// Pin commits a pin; fetch tells whether blocks may be missing on this node.
	Pin(ctx context.Context, c cid.Cid, mode api.PinMode, name string, fetch bool) (await func(context.Context) error, err error)
	// Update moves a pin from one CID to another in one step, or copies it.
	Update(ctx context.Context, from, to cid.Cid, unpin bool) (await func(context.Context) error, err error)
	// Unpin commits the removal of a pin; state.ErrNotFound when there is none.
	Unpin(ctx context.Context, c cid.Cid) error
	// Hold keeps the DAG below c from garbage collection on this node until release is called, without a pin.
	Hold(c cid.Cid) (release func())
}

// clusterPinner is kubo's pinner with the replicated pinset behind it. Error texts are those of boxo's dspinner, which
// clients of kubo know.
type clusterPinner struct {
	pinview.View
	pinset Pinset
}

func newClusterPinner(pinset Pinset, dag ipld.DAGService) *clusterPinner {
	return &clusterPinner{pinset: pinset, View: pinview.View{DAG: dag, Open: func(ctx context.Context) (pinview.Pins, error) {
		st, err := pinset.State(ctx)
		return statePins{st}, NoteFailure(ctx, err)
	}}}
}

var _ pin.Pinner = (*clusterPinner)(nil)

// Pin stores the node and pins it, with everything below it if recursive is set.
func (p *clusterPinner) Pin(ctx context.Context, node ipld.Node, recursive bool, name string) error {
	if err := p.DAG.Add(ctx, node); err != nil {
		return err
	}
	mode := pin.Direct
	if recursive {
		mode = pin.Recursive
	}
	return p.pin(ctx, node.Cid(), mode, name, true)
}

// PinWithMode pins what the command has stored. Only an add has then stored all that is below it: the blocks that a single
// node links to may be on another peer, which for the client is the same node.
func (p *clusterPinner) PinWithMode(ctx context.Context, c cid.Cid, mode pin.Mode, name string) error {
	if holdInPause(ctx, p.pinset, c) {
		return nil
	}
	return p.pin(ctx, c, mode, name, mayLackBlocks(ctx))
}

func (p *clusterPinner) pin(ctx context.Context, c cid.Cid, mode pin.Mode, name string, fetch bool) error {
	clusterMode := api.PinModeRecursive
	switch mode {
	case pin.Recursive:
	case pin.Direct:
		clusterMode = api.PinModeDirect
		if old, err := p.lookup(ctx, c); err != nil {
			return err
		} else if old == pin.Recursive {
			return fmt.Errorf("%s already pinned recursively", c)
		}
	default:
		return errors.New("unrecognized pin mode")
	}
	await, err := p.pinset.Pin(ctx, c, clusterMode, name, fetch)
	if err != nil {
		return kuboFailure(ctx, err)
	}
	awaitLater(ctx, await)
	return nil
}

// kuboFailure is what a pin that failed with err answers. When the time that the request gave is over before all blocks
// are here, that is all that kubo says.
func kuboFailure(ctx context.Context, err error) error {
	if over := ctx.Err(); over != nil && errors.Is(err, over) && !fault.Unavailable(err) && !errors.Is(err, consensus.ErrUnknownOutcome) {
		return over
	}
	return NoteFailure(ctx, err)
}

// Unpin removes a pin; without recursive only a direct one.
func (p *clusterPinner) Unpin(ctx context.Context, c cid.Cid, recursive bool) error {
	mode, err := p.lookup(ctx, c)
	switch {
	case err != nil:
		return err
	case mode == pin.NotPinned:
		return pin.ErrNotPinned
	case mode == pin.Recursive && !recursive:
		return fmt.Errorf("%s is pinned recursively", c)
	}
	err = p.pinset.Unpin(ctx, c)
	if errors.Is(err, state.ErrNotFound) { // somebody else was faster
		return pin.ErrNotPinned
	}
	return NoteFailure(ctx, err)
}

// Update moves a recursive pin to another CID, keeping its name and options. When somebody changes one of the two pins
// meanwhile, it looks again.
func (p *clusterPinner) Update(ctx context.Context, from, to cid.Cid, unpin bool) error {
	for {
		same, err := p.checkUpdate(ctx, from, to)
		if same || err != nil {
			return err
		}
		await, err := p.pinset.Update(ctx, from, to, unpin)
		switch {
		case err == nil:
			awaitLater(ctx, await)
			return nil
		case !errors.Is(err, consensus.ErrConflict) && !errors.Is(err, state.ErrNotFound):
			return kuboFailure(ctx, err)
		}
	}
}

// checkUpdate refuses what kubo refuses; same tells that there is nothing to do.
func (p *clusterPinner) checkUpdate(ctx context.Context, from, to cid.Cid) (same bool, err error) {
	mode, err := p.lookup(ctx, from)
	switch {
	case err != nil:
		return false, err
	case mode != pin.Recursive:
		return false, errors.New("'from' cid was not recursively pinned already")
	case from == to:
		return true, nil
	}
	if mode, err = p.lookup(ctx, to); err != nil {
		return false, err
	} else if mode == pin.Recursive {
		return false, errors.New("'to' cid was already recursively pinned")
	}
	return false, nil
}

// lookup tells how the pinset pins c itself.
func (p *clusterPinner) lookup(ctx context.Context, c cid.Cid) (pin.Mode, error) {
	pins, err := p.Open(ctx)
	if err != nil {
		return pin.NotPinned, err
	}
	found, err := pins.Get(ctx, c)
	return found.Mode, err
}

// Flush has nothing to do: a commit is on a majority of disks before it returns.
func (*clusterPinner) Flush(context.Context) error { return nil }

// Close has nothing to do: the pinset belongs to the peer.
func (*clusterPinner) Close() error { return nil }
