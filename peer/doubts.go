package peer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/peer/reconcile"
)

const (
	// doubtLasts is how long an operation whose outcome is unknown may still be on its way to a leader: longer than peers
	// try to commit it.
	doubtLasts = time.Minute
	// doubtRound is how often doubts are looked at.
	doubtRound = time.Second
)

// doubts are pins whose blocks may be on this peer only: those that failed with an unknown outcome, and those that other
// peers were to hold and did not in time. The blocks are kept until it shows what became of the pin: otherwise the pinset
// would want what a collection has taken.
type doubts struct {
	mu   sync.Mutex
	open []doubt // in the order of since
}

type doubt struct {
	pin     api.Pin
	since   time.Time
	release func()
}

// takeBack has the local pin of a failed commit looked at again. The caller holds the node's pin lock.
func (p *Peer) takeBack(pin api.Pin, err error) {
	if errors.Is(err, consensus.ErrUnknownOutcome) {
		p.doubts.add(doubt{pin, time.Now(), p.pins.Hold(pin)})
	}
	p.reconciler.Hint(pin.Cid.Cid)
}

// settleDoubts ends doubts until ctx ends: when they are old enough, and the pinset was read as it is now after that.
func (p *Peer) settleDoubts(ctx context.Context) error {
	tick := time.NewTicker(doubtRound)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		p.lookAtDoubts(ctx, time.Now().Add(-doubtLasts))
	}
}

// lookAtDoubts settles the doubts from before a time if it can.
func (p *Peer) lookAtDoubts(ctx context.Context, before time.Time) {
	due := p.doubts.due(before)
	if len(due) == 0 {
		return
	}
	pins, err := p.consensus.Pins(ctx) // fails without a leader: nobody can know yet
	for _, d := range due {
		if err != nil || !p.settled(ctx, pins, d) {
			d.since = time.Now() // to be looked at as if it were new
			p.doubts.add(d)
		}
	}
}

// settled releases the doubt unless the pinset wants the pin and whoever is to hold it still has to.
func (p *Peer) settled(ctx context.Context, pins consensus.Pins, d doubt) bool {
	found, err := pins.Get(ctx, d.pin.Cid)
	switch {
	case errors.Is(err, state.ErrNotFound):
	case err != nil:
		return false
	case found.IsRemotePin(p.ID()):
		if !p.heldByOthers(ctx, found) {
			return false
		}
	default:
		if held, err := p.pins.Has(ctx, found); err != nil || !held {
			return false
		}
	}
	d.release()
	return true
}

// heldByOthers asks the peers that the pin is allocated to.
func (p *Peer) heldByOthers(ctx context.Context, pin api.Pin) bool {
	for _, id := range pin.Allocations {
		reply, err := p.awaits.ask(ctx, id, reconcile.AwaitRequest{Cid: pin.Cid, Timeout: doubtRound})
		if err == nil && reply.Held {
			return true
		}
	}
	return false
}

// due takes out the doubts from before a time.
func (d *doubts) due(before time.Time) []doubt {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for n < len(d.open) && d.open[n].since.Before(before) {
		n++
	}
	due := d.open[:n:n]
	d.open = d.open[n:]
	return due
}

func (d *doubts) add(more doubt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = append(d.open, more)
}
