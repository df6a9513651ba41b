package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/peer/ipfs"
)

// State returns the pinset as of now: it holds everything that was acknowledged anywhere before the call.
func (p *Peer) State(ctx context.Context) (state.ReadOnly, error) {
	return p.consensus.State(ctx)
}

// ScanPins calls f with the pins that a query selects, of a state with everything that was acknowledged anywhere before the
// call; see consensus.Pins.
func (p *Peer) ScanPins(ctx context.Context, q consensus.Query, f func(api.Pin) error) (next string, err error) {
	pins, err := p.consensus.Pins(ctx)
	if err != nil {
		return "", err
	}
	return pins.Scan(ctx, q, f)
}

// Pin makes sure that this peer's node has the blocks (unless fetch is false because the caller has just stored them),
// pins them there and commits the pin to the whole cluster. Options that an existing pin of the same CID has are kept,
// except its name, its mode and its expiry. The returned function waits for the holders that an acknowledgement
// promises; see awaitHolders.
//
// The caller must hold the node's pin lock during Pin, so that no block is collected before the pin protects it, and
// must not hold it while it waits. When the commit fails or is cancelled, the local pin is taken back.
func (p *Peer) Pin(ctx context.Context, c cid.Cid, mode api.PinMode, name string, fetch bool) (await func(context.Context) error, err error) {
	wanted := api.PinWithOpts(api.NewCid(c), api.PinOptions{Mode: mode})
	if mode != api.PinModeRecursive {
		old, _, err := p.pinNow(ctx, wanted.Cid)
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return nil, err
		}
		if err := checkMode(wanted, old); err != nil { // before the local pin is touched
			return nil, err
		}
	}
	if fetch {
		if err := p.fetchMissing(ctx, wanted); err != nil {
			return nil, err
		}
	}
	defer p.pins.Lock(c)() // nobody takes the local pin away before this peer knows of the commit
	if err := p.pins.Pin(ctx, wanted); err != nil {
		return nil, err
	}
	done, err := p.commitPin(ctx, wanted.Cid, p.here(wanted.Cid, mode, name))
	if err == nil {
		if err = p.consensus.WaitApplied(ctx, done.index); err != nil {
			err = fmt.Errorf("%w: committed, but not applied here: %w", consensus.ErrUnknownOutcome, err)
		}
	}
	if err != nil {
		p.takeBack(wanted, err)
		return nil, err
	}
	return p.awaitHolders(done.pin, done.index), nil
}

func (p *Peer) fetchMissing(ctx context.Context, pin api.Pin) error {
	if held, err := p.pins.Has(ctx, pin); held || err != nil {
		return err
	}
	progress := new(merkledag.ProgressTracker)
	return p.pins.Fetch(ctx, pin, progress, func(idle time.Duration) error {
		if err := p.exceeds(ctx, progress.ProgressStat().Bytes); err != nil {
			return err
		}
		return ipfs.GiveUpWhenStalled(idle)
	})
}

// Hold keeps the DAG below c, all of whose blocks are here, from garbage collection on this peer's node until release is
// called. It is no pin, and ends with the process. The caller holds the node's pin lock.
func (p *Peer) Hold(c cid.Cid) (release func()) { return p.pins.Hold(api.PinCid(api.NewCid(c))) }

// Unpin commits the removal of a pin; the error is state.ErrNotFound when there is none. The holders drop their local
// pins in the background.
func (p *Peer) Unpin(ctx context.Context, c cid.Cid) error {
	done, err := p.consensus.Commit(ctx, consensus.UnpinOp(api.NewCid(c)))
	if err == nil {
		err = errors.Join(done.Errs...)
	}
	if err != nil {
		return fmt.Errorf("commit unpin of %s: %w", c, err)
	}
	return nil
}

// Update pins to with all the options of from, whose pin it removes if unpin is set; both happen in one step, or neither.
// The error is state.ErrNotFound when from is not pinned, and consensus.ErrConflict when one of the pins has changed
// meanwhile. What is said of Pin holds here too.
func (p *Peer) Update(ctx context.Context, from, to cid.Cid, unpin bool) (await func(context.Context) error, err error) {
	pin, fromRevision, err := p.pinNow(ctx, api.NewCid(from))
	if err != nil {
		return nil, fmt.Errorf("read pin of %s: %w", from, err)
	}
	_, toRevision, err := p.pinNow(ctx, api.NewCid(to))
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return nil, fmt.Errorf("read pin of %s: %w", to, err)
	}
	pin.Cid, pin.PinUpdate, pin.Timestamp = api.NewCid(to), api.NewCid(from), time.Now()
	if err := p.fetchMissing(ctx, pin); err != nil {
		return nil, err
	}
	defer p.pins.Lock(to)()
	if err := p.pins.Pin(ctx, pin); err != nil {
		return nil, err
	}
	ops := []consensus.Op{consensus.PinOp(pin).IfRevision(toRevision)}
	if unpin { // first, to make room in the account that it counts for
		ops = slices.Insert(ops, 0, consensus.UnpinOp(api.NewCid(from)).IfRevision(fromRevision))
	}
	done, err := p.commit(ctx, ops...)
	if err != nil {
		p.takeBack(pin, err)
		return nil, fmt.Errorf("commit update of pin %s to %s: %w", from, to, err)
	}
	p.reconciler.Hint(to) // it may be allocated elsewhere
	return p.awaitHolders(pin, done.Index), nil
}

// Members lists the peers of the cluster.
func (p *Peer) Members(ctx context.Context) ([]peer.ID, error) {
	return p.consensus.Peers(ctx)
}

// CommitPins commits pins exactly as they are, and removes others, in one log entry. Removing what is not pinned is no
// error. Nobody waits for the blocks.
func (p *Peer) CommitPins(ctx context.Context, pins []api.Pin, remove []api.Cid) error {
	ops := make([]consensus.Op, 0, len(pins)+len(remove))
	for _, pin := range pins {
		ops = append(ops, consensus.PinOp(pin))
	}
	for _, c := range remove {
		ops = append(ops, consensus.UnpinOp(c))
	}
	return p.commitAll(ctx, ops)
}

func (p *Peer) commitAll(ctx context.Context, ops []consensus.Op) error {
	done, err := p.consensus.Commit(ctx, ops...)
	if err != nil {
		return fmt.Errorf("commit %d changes: %w", len(ops), err)
	}
	for _, err := range done.Errs {
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return fmt.Errorf("commit %d changes: %w", len(ops), err)
		}
	}
	return nil
}
