package peer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/event"
)

// moveParallel is how many new holders are waited for at a time.
const moveParallel = 16

// relocation is a change of one holder of a pin.
type relocation struct {
	pin      api.Pin
	from, to peer.ID
	err      error // why from holds it still
}

func (m relocation) event() event.Move {
	told := event.Move{Cid: m.pin.Cid.String(), Name: m.pin.Name, From: m.from.String(), To: m.to.String()}
	if m.err != nil {
		told.Error = m.err.Error()
	}
	return told
}

// Rebalance moves pins from the members that hold the most to those that hold the fewest until no two differ by more than
// one, and calls each with every move when it is done or has failed; with dry nothing is moved. Pins that every peer holds,
// or whose holders the user has chosen, stay. A holder drops a pin only when the other has it.
func (a API) Rebalance(ctx context.Context, dry bool, each func(event.Move) error) error {
	p := a.peer
	pins, err := p.consensus.Pins(ctx)
	if err != nil {
		return fmt.Errorf("rebalance: %w", err)
	}
	members, err := p.consensus.Peers(ctx)
	if err != nil {
		return fmt.Errorf("rebalance: %w", err)
	}
	loads := make(load)
	for _, id := range members {
		if p.connected(id) {
			loads[id] = 0
		}
	}
	if err := eachMovable(ctx, pins, func(page []api.Pin) error { loads.count(page); return nil }); err != nil {
		return fmt.Errorf("rebalance: %w", err)
	}
	return eachMovable(ctx, pins, func(page []api.Pin) error {
		moves := loads.improve(page)
		if !dry {
			p.carryOut(ctx, moves)
		}
		for _, m := range moves {
			if err := each(m.event()); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

// carryOut makes the moves, and notes in each why it could not be.
func (p *Peer) carryOut(ctx context.Context, moves []relocation) {
	var all sync.WaitGroup
	places := make(chan struct{}, moveParallel)
	for i := range moves {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			moves[i].err = p.relocate(ctx, moves[i])
		})
	}
	all.Wait()
}

// relocate adds the new holder, waits until it has the pin, and takes the old one away. A pin that is gone meanwhile has
// nowhere to go.
func (p *Peer) relocate(ctx context.Context, m relocation) error {
	pins, index, err := p.rehold(ctx, []api.Cid{m.pin.Cid}, func(pin api.Pin) []peer.ID {
		if slices.Contains(pin.Allocations, m.to) {
			return pin.Allocations
		}
		return append(slices.Clone(pin.Allocations), m.to)
	})
	if err != nil || len(pins) == 0 {
		return err
	}
	if outcome := p.awaitHolder(ctx, m.to, receipt{pin: pins[0], index: index}); outcome.err != nil || outcome.gone {
		return outcome.err
	}
	_, _, err = p.rehold(ctx, []api.Cid{m.pin.Cid}, func(pin api.Pin) []peer.ID {
		return slices.DeleteFunc(slices.Clone(pin.Allocations), func(id peer.ID) bool { return id == m.from })
	})
	return err
}

// eachMovable calls f with the pins whose holders the cluster chooses, page by page.
func eachMovable(ctx context.Context, pins consensus.Pins, f func([]api.Pin) error) error {
	return consensus.EachPage(ctx, pins, repinBatch, func(pin api.Pin) bool {
		return pin.Type == api.DataType && !pin.IsPinEverywhere() && len(pin.Allocations) > 0 && len(pin.UserAllocations) == 0
	}, f)
}

// load counts the pins that each member holds.
type load map[peer.ID]int

func (l load) count(pins []api.Pin) {
	for _, pin := range pins {
		for _, id := range pin.Allocations {
			if _, member := l[id]; member {
				l[id]++
			}
		}
	}
}

// improve finds, for each pin, the move of one holder that evens out the load most, and counts it as done.
func (l load) improve(pins []api.Pin) (moves []relocation) {
	ids := slices.Sorted(maps.Keys(l))
	for _, pin := range pins {
		var from, to peer.ID
		for _, id := range ids {
			switch holds := slices.Contains(pin.Allocations, id); {
			case holds && (from == "" || l[id] > l[from]):
				from = id
			case !holds && (to == "" || l[id] < l[to]):
				to = id
			}
		}
		if from == "" || to == "" || l[from]-l[to] < 2 {
			continue
		}
		l[from]--
		l[to]++
		moves = append(moves, relocation{pin: pin, from: from, to: to})
	}
	return moves
}
