package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/consensus"
)

// ChangePins carries out many changes at once, in one log entry as far as possible, and returns the result of each, in
// their order. They are what API.Pin and API.Unpin would do one by one: of a pin its CID and its options count, and changes
// of the same CID take effect one after the other. Nobody waits for the blocks.
func (p *Peer) ChangePins(ctx context.Context, changes []consensus.Op) []error {
	results := make([]error, len(changes))
	ops := make([]consensus.Op, 0, len(changes))
	places := make([]int, 0, len(changes)) // of the operations among the changes
	var single []int                       // changes that need a look of their own
	local, seen := p.consensus.Local(), make(map[api.Cid]bool, len(changes))
	for i, change := range changes {
		again := seen[change.Pin.Cid]
		seen[change.Pin.Cid] = true
		op, err := p.prepare(ctx, local, change)
		if err != nil || again { // it may have been decided on an old state, or was
			single = append(single, i)
			continue
		}
		ops, places = append(ops, op), append(places, i)
	}
	done, err := p.consensus.Propose(ctx, ops...)
	for i, place := range places {
		if err != nil {
			results[place] = fmt.Errorf("commit change of %s: %w", changes[place].Pin.Cid, err)
		} else if results[place] = done.Errs[i]; errors.Is(results[place], consensus.ErrConflict) {
			single = append(single, place)
		}
	}
	slices.Sort(single)
	for _, i := range single {
		results[i] = p.change(ctx, changes[i])
	}
	return results
}

// prepare makes the operation for a change, on condition that the pin is still the one in pins.
func (p *Peer) prepare(ctx context.Context, pins consensus.Pins, change consensus.Op) (consensus.Op, error) {
	c := change.Pin.Cid
	if !change.Removes() {
		pin, revision, err := p.decide(ctx, pins, c, p.withOptions(ctx, c, change.Pin.PinOptions))
		return consensus.PinOp(pin).IfRevision(revision), err
	}
	pin, revision, err := pins.GetRevision(ctx, c)
	if err == nil && pin.Type != api.DataType {
		err = errors.New("sharded content is made of several pins")
	}
	return consensus.UnpinOp(c).IfRevision(revision), err
}

// change carries out one change by itself.
func (p *Peer) change(ctx context.Context, change consensus.Op) error {
	c := change.Pin.Cid
	if change.Removes() {
		_, err := p.API().Unpin(ctx, c)
		return err
	}
	_, err := p.commitPin(ctx, c, p.withOptions(ctx, c, change.Pin.PinOptions))
	return err
}
