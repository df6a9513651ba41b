package peer

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/pause"
	"github.com/underlay/underlay/peer/reconcile"
)

// awaitRound is how long one question to a holder stays open before it reports its progress.
const awaitRound = 2 * time.Second

// ErrTooFewHolders reports a pin that is committed, and so is not lost, but that not enough peers hold yet.
var ErrTooFewHolders error = tooFewHolders{}

type tooFewHolders struct{}

func (tooFewHolders) Error() string {
	return "the pin is committed, but too few peers hold its blocks yet"
}

// HTTPStatus tells the APIs how to answer.
func (tooFewHolders) HTTPStatus() int { return http.StatusGatewayTimeout }

// receipt identifies a committed pin.
type receipt struct {
	pin   api.Pin
	index uint64 // of a log entry not before the one that made the pin
	here  bool   // this peer is one of the holders
}

// awaitHolders makes the function that waits for the holders of a pin that was made here before it was committed. Blocks of
// a pin that this peer is not to hold stay here meanwhile, and beyond that if the wait fails: they may be nowhere else. The
// caller holds the node's pin lock, but not in the wait.
func (p *Peer) awaitHolders(pin api.Pin, index uint64) func(context.Context) error {
	if !pin.IsRemotePin(p.ID()) {
		return func(ctx context.Context) error { return p.await(ctx, receipt{pin, index, true}) }
	}
	release := p.pins.Hold(pin)
	return func(ctx context.Context) error {
		err := p.await(ctx, receipt{pin, index, false})
		if err != nil {
			p.doubts.add(doubt{pin, time.Now(), release})
			return err
		}
		release()
		return nil
	}
}

// await returns once as many peers hold the pin as an acknowledgement promises, or once nobody wants the pin any more.
// When no holder makes progress for the configured time, or ctx ends, the error is ErrTooFewHolders. It must not be
// called with the node's pin lock held: the holders may need theirs, behind a collection that waits for ours.
func (p *Peer) await(ctx context.Context, r receipt) error {
	candidates, err := p.holders(ctx, r)
	if err != nil {
		return err
	}
	need, held := min(p.tuning.Load().AckReplicas, len(candidates)), 0
	if r.here {
		held = 1
	}
	candidates = others(candidates, p.ID())
	ctx, cancel := context.WithCancel(ctx)
	outcomes := make(chan holderOutcome, len(candidates))
	for _, id := range candidates {
		go func() { outcomes <- p.awaitHolder(ctx, id, r) }()
	}
	heard := 0
	var failure error
	for heard < len(candidates) && held < need {
		outcome := <-outcomes
		heard++
		switch {
		case outcome.gone:
			held = need // somebody removed the pin meanwhile: there is nothing to wait for
		case outcome.err != nil:
			failure = outcome.err
		default:
			held++
		}
	}
	cancel()
	for ; heard < len(candidates); heard++ {
		<-outcomes
	}
	if held < need {
		return fmt.Errorf("%w: %d of %d for %s: %w", ErrTooFewHolders, held, need, r.pin.Cid, failure)
	}
	return nil
}

// holders lists the peers that the pin is allocated to.
func (p *Peer) holders(ctx context.Context, r receipt) ([]peer.ID, error) {
	if !r.pin.IsPinEverywhere() && len(r.pin.Allocations) > 0 {
		return r.pin.Allocations, nil
	}
	return p.consensus.Peers(ctx)
}

// others are the peers without self.
func others(peers []peer.ID, self peer.ID) []peer.ID {
	return slices.DeleteFunc(slices.Clone(peers), func(id peer.ID) bool { return id == self })
}

type holderOutcome struct {
	gone bool
	err  error
}

// awaitHolder waits for one peer to hold the pin, as long as it gets on.
func (p *Peer) awaitHolder(ctx context.Context, id peer.ID, r receipt) holderOutcome {
	req := reconcile.AwaitRequest{Cid: r.pin.Cid, Index: r.index, Timeout: awaitRound}
	blocks, since := -1, time.Now()
	var failure error
	for {
		reply, err := p.askHolder(ctx, id, req)
		switch {
		case ctx.Err() != nil:
			return holderOutcome{err: ctx.Err()}
		case err != nil:
			failure = fmt.Errorf("peer %s: %w", id, err)
		case reply.Held || reply.Gone:
			return holderOutcome{gone: reply.Gone}
		case reply.Error != "":
			failure = fmt.Errorf("peer %s: %s", id, reply.Error)
		default:
			failure = fmt.Errorf("peer %s makes no progress after %d blocks", id, reply.Blocks)
		}
		if err == nil && reply.Blocks != blocks {
			blocks, since = reply.Blocks, time.Now()
		}
		if time.Since(since) > p.tuning.Load().AckTimeout {
			return holderOutcome{err: failure}
		}
		if err != nil && !pause.For(ctx, dialInterval) {
			return holderOutcome{err: ctx.Err()}
		}
	}
}

// askHolder asks a peer once. This one, which no stream leads to, answers for itself.
func (p *Peer) askHolder(ctx context.Context, id peer.ID, req reconcile.AwaitRequest) (reconcile.AwaitReply, error) {
	if id == p.ID() {
		return p.reconciler.Await(ctx, req)
	}
	return p.awaits.ask(ctx, id, req)
}
