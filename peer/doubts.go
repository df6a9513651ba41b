package peer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/consensus"
)

const (
	// doubtLasts is how long an operation whose outcome is unknown may still be on its way to a leader: longer than peers
	// try to commit it.
	doubtLasts = time.Minute
	// doubtRound is how often doubts are looked at.
	doubtRound = time.Second
)

// doubts are pins that failed with an unknown outcome. Their blocks may be on this peer only, and are kept until it shows
// what became of them: if such a pin is committed later, the pinset would want what a collection has taken.
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
		p.doubts.mu.Lock()
		p.doubts.open = append(p.doubts.open, doubt{pin, time.Now(), p.pins.Hold(pin)})
		p.doubts.mu.Unlock()
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
		due := p.doubts.due(time.Now().Add(-doubtLasts))
		if len(due) == 0 {
			continue
		}
		pins, err := p.consensus.Pins(ctx) // fails without a leader: nobody can know yet
		for _, d := range due {
			if err != nil || !p.settled(ctx, pins, d) {
				p.doubts.again(d)
			}
		}
	}
}

// settled releases the doubt unless the pinset wants the pin and the local pin is still to come.
func (p *Peer) settled(ctx context.Context, pins consensus.Pins, d doubt) bool {
	found, err := pins.Get(ctx, d.pin.Cid)
	switch {
	case errors.Is(err, state.ErrNotFound):
	case err != nil:
		return false
	case !found.IsRemotePin(p.ID()):
		if held, err := p.pins.Has(ctx, found); err != nil || !held {
			return false
		}
	}
	d.release()
	return true
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

// again puts a doubt back, to be looked at as if it were new.
func (d *doubts) again(old doubt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	old.since = time.Now()
	d.open = append(d.open, old)
}
