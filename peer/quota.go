package peer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/go-cid"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pause"
	"github.com/underlay/underlay/internal/pinstatus"
	"github.com/underlay/underlay/peer/reconcile"
)

const (
	// sizeRound is how often pins are looked at whose size is not known yet.
	sizeRound = time.Second
	// sizeShare is how many times as long as a look took no other one follows.
	sizeShare = 10
	// sizeBatch is how many are looked at together.
	sizeBatch = 256
)

// weigh tells how many bytes a pin has if all its blocks are here.
func (p *Peer) weigh(ctx context.Context, pin api.Pin, most uint64) (bytes uint64, known bool) {
	bytes, known, err := p.pins.Size(ctx, pin, most)
	return bytes, known && err == nil
}

// exceeds returns a QuotaError when the account of ctx may not keep so many bytes at all.
func (p *Peer) exceeds(ctx context.Context, bytes uint64) error {
	if a, ok := consensus.AccountOf(ctx); ok && a.MaxBytes > 0 && bytes > a.MaxBytes {
		return p.consensus.OverBytes(a, bytes)
	}
	return nil
}

// settleSizes finds out how many bytes those pins have that count for an account and were made before that was known, until
// ctx ends. What is missed in one round is done in another.
func (p *Peer) settleSizes(ctx context.Context) error {
	for {
		began := time.Now()
		if err := p.settleAll(ctx); err != nil && ctx.Err() == nil {
			p.logger.Debug("could not settle the sizes of some pins; will try again", "error", err)
		}
		if !pause.For(ctx, max(sizeRound, sizeShare*time.Since(began))) {
			return nil
		}
	}
}

func (p *Peer) settleAll(ctx context.Context) error {
	for after := api.CidUndef; ; {
		cids, err := p.consensus.Unsettled(ctx, after, sizeBatch)
		if err != nil || len(cids) == 0 {
			return err
		}
		after = cids[len(cids)-1]
		ops, err := p.sizes(ctx, cids)
		if err != nil {
			return err
		}
		done, err := p.consensus.Commit(ctx, ops...)
		if err != nil {
			return err
		}
		for i, err := range done.Errs {
			if errors.Is(err, consensus.ErrOverBytes) {
				p.logger.Info("a pin was removed: it has more bytes than its quota has room for", "cid", ops[i].Pin.Cid, "bytes", ops[i].Bytes)
			}
		}
	}
}

// sizes returns what this peer has to say of the sizes of pins: of those that it holds, if it speaks for the holders, and of
// those that it is fetching and that are too large already.
func (p *Peer) sizes(ctx context.Context, cids []api.Cid) (ops []consensus.Op, err error) {
	fetching := make(map[cid.Cid]uint64) // bytes so far, of what is not held or not yet
	err = p.reconciler.Unsettled(ctx, reconcile.Survey{Cids: cids}, func(pin api.PinInfo, fetched pinstatus.Progress) error {
		fetching[pin.Cid.Cid] = fetched.Bytes
		return nil
	}, func(api.Cid) error { return nil })
	if err != nil {
		return nil, err
	}
	for _, c := range cids {
		pin, err := p.consensus.Local().Get(ctx, c)
		if errors.Is(err, state.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		most, err := p.room(ctx, c)
		if err != nil {
			return nil, err
		}
		bytes, unsettled := fetching[c.Cid]
		known := bytes > most
		if !unsettled && reconcile.Calm(pin, p.ID()) == api.TrackerStatusPinned && p.speaksFor(pin) {
			bytes, known = p.weigh(ctx, pin, 0)
		}
		if known {
			ops = append(ops, consensus.SettleOp(c, bytes))
		}
	}
	return ops, nil
}

// room returns how many bytes a pin may have in the account that it counts for.
func (p *Peer) room(ctx context.Context, c api.Cid) (uint64, error) {
	const all = ^uint64(0)
	counted, err := p.consensus.Counted(c)
	if err != nil {
		return all, err
	}
	usage, err := p.consensus.Usage(consensus.WithStale(ctx), counted.Account)
	switch {
	case err != nil, usage.MaxBytes == 0:
		return all, err
	case usage.Bytes > usage.MaxBytes:
		return 0, nil
	default:
		return usage.MaxBytes - usage.Bytes, nil
	}
}

// speaksFor tells whether it is on this peer to measure a pin that it holds: on the leader, or on all if that is not to hold
// it. It does no harm if several do.
func (p *Peer) speaksFor(pin api.Pin) bool {
	leader := p.consensus.Status().Leader
	return leader == p.ID() || len(pin.Allocations) > 0 && !slices.Contains(pin.Allocations, leader)
}
