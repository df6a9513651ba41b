package peer

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pause"
)

const (
	// repinBatch is how many pins are looked at, and given new holders, together.
	repinBatch = 256
	// repinCheck is how often the leader looks after pins although nobody came or went: a pass before may have failed.
	repinCheck = time.Hour
	// repinRetry is how long the leader waits after a pass that failed.
	repinRetry = time.Minute
)

// repin gives the pins of members that are gone to others, while this peer leads: a pin that has fewer holders left than
// its least number. A member is gone when it was removed, or has been away for Tuning.RepinAfter. It returns when ctx ends.
func (p *Peer) repin(ctx context.Context) error {
	roll := newRollCall(0)
	for interval := time.Duration(0); pause.For(ctx, interval); {
		grace := p.tuning.Load().RepinAfter
		if interval = memberInterval; grace > 0 {
			interval = min(grace/4+1, memberInterval)
		}
		if grace <= 0 || !p.leads() {
			roll = newRollCall(0)
			continue
		}
		roll.grace = grace
		members, err := p.consensus.Peers(ctx)
		if err != nil {
			continue
		}
		if !roll.call(time.Now(), members, p.connected) {
			continue
		}
		moved, err := p.repinLost(ctx, roll.present)
		roll.done(time.Now(), err == nil)
		if moved > 0 || err != nil {
			p.logger.Info("pins of members that are gone were given to others", "pins", moved, "error", err)
		}
	}
	return nil
}

func (p *Peer) connected(id peer.ID) bool {
	return id == p.ID() || p.host.Network().Connectedness(id) == network.Connected
}

// rollCall tells which members are gone, and when to look after pins.
type rollCall struct {
	grace   time.Duration
	missing map[peer.ID]time.Time // since when
	present []peer.ID             // members that are not gone
	due     time.Time
}

func newRollCall(grace time.Duration) *rollCall {
	return &rollCall{grace: grace, missing: make(map[peer.ID]time.Time)}
}

// call reports whether it is time to look after pins.
func (r *rollCall) call(now time.Time, members []peer.ID, connected func(peer.ID) bool) bool {
	var present []peer.ID
	for _, id := range members {
		since, missing := r.missing[id]
		switch {
		case connected(id):
			delete(r.missing, id)
		case !missing:
			r.missing[id] = now
		case now.Sub(since) > r.grace:
			continue
		}
		present = append(present, id)
	}
	slices.Sort(present)
	if !slices.Equal(present, r.present) {
		r.present, r.due = present, now
	}
	return !now.Before(r.due)
}

// done notes how it went.
func (r *rollCall) done(now time.Time, well bool) {
	if r.due = now.Add(repinCheck); !well {
		r.due = now.Add(repinRetry)
	}
}

// repinLost gives new holders to every pin that has too few among those present.
func (p *Peer) repinLost(ctx context.Context, present []peer.ID) (moved int, err error) {
	pins, err := p.consensus.Pins(ctx)
	if err != nil {
		return 0, fmt.Errorf("look for pins without holders: %w", err)
	}
	lost := func(pin api.Pin) bool { return short(pin, present) }
	err = consensus.EachPage(ctx, pins, repinBatch, lost, func(page []api.Pin) error {
		n, err := p.replaceHolders(ctx, page, present)
		moved += n
		return err
	})
	if err != nil {
		return moved, fmt.Errorf("look for pins without holders: %w", err)
	}
	return moved, nil
}

// short tells whether a pin has fewer holders among those present than it should, and can have more.
func short(pin api.Pin, present []peer.ID) bool {
	if pin.Type != api.DataType || pin.IsPinEverywhere() || len(pin.Allocations) == 0 {
		return false
	}
	held := 0
	for _, id := range pin.Allocations {
		if slices.Contains(present, id) {
			held++
		}
	}
	return held < pin.ReplicationFactorMin && held < len(present)
}

// replaceHolders gives pins new holders among those present, and counts those that it did for.
func (p *Peer) replaceHolders(ctx context.Context, pins []api.Pin, present []peer.ID) (int, error) {
	if len(pins) == 0 {
		return 0, nil
	}
	order, err := p.placement(ctx)
	if err != nil {
		return 0, fmt.Errorf("allocate %d pins anew: %w", len(pins), err)
	}
	cids := make([]api.Cid, len(pins))
	for i, pin := range pins {
		cids[i] = pin.Cid
	}
	moved, _, err := p.rehold(ctx, cids, func(pin api.Pin) []peer.ID { return heldBy(pin, order, present) })
	for _, pin := range moved {
		if len(pin.Allocations) < pin.ReplicationFactorMin {
			p.logger.Warn("too few peers can hold a pin", "cid", pin.Cid, "holders", len(pin.Allocations), "least", pin.ReplicationFactorMin)
		}
	}
	return len(moved), err
}

// heldBy lists who is to hold a pin: its holders among those present, and then, in that order, as many others as it can
// have. A pin that somebody has changed so that it is not short any more stays as that one wants it.
func heldBy(pin api.Pin, order, present []peer.ID) []peer.ID {
	if !short(pin, present) {
		return pin.Allocations
	}
	gone := func(id peer.ID) bool { return !slices.Contains(present, id) }
	holders := slices.DeleteFunc(slices.Clone(pin.Allocations), gone)
	for _, id := range order {
		if len(holders) < pin.ReplicationFactorMax && !gone(id) && !slices.Contains(holders, id) {
			holders = append(holders, id)
		}
	}
	return holders
}

// placement lists the peers in the order in which the allocator would have them hold something new.
func (p *Peer) placement(ctx context.Context) (order []peer.ID, err error) {
	something := api.PinWithOpts(api.CidUndef, api.PinOptions{ReplicationFactorMin: 1, ReplicationFactorMax: math.MaxInt32})
	err = p.clusterAPI.get().CallContext(ctx, "", "Cluster", "BlockAllocate", something, &order)
	return order, err
}
