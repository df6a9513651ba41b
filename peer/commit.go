package peer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
)

// badPin is a fault of whoever asks for a pin.
type badPin struct{ error }

// HTTPStatus tells the APIs how to answer.
func (badPin) HTTPStatus() int { return http.StatusBadRequest }

// tooFewPeers is a pin for which the cluster has peers, but not enough of them are there at present.
type tooFewPeers struct{ error }

// HTTPStatus tells the APIs how to answer.
func (tooFewPeers) HTTPStatus() int { return http.StatusServiceUnavailable }

func (e tooFewPeers) Unwrap() error { return e.error }

// pinned is a pin that is committed.
type pinned struct {
	pin   api.Pin
	index uint64 // of the log entry
}

// commitPin commits what decide makes of the pin that there is (undefined if there is none); see propose. Replication, allocations and
// time are settled here, once, and stand in the log entry. The entry takes effect only if the pin is still the one that
// the decision was based on; otherwise the decision is made anew, so that of concurrent changes none is lost unseen.
func (p *Peer) commitPin(ctx context.Context, c api.Cid, decide func(old api.Pin) (api.Pin, error)) (pinned, error) {
	// What this peer has applied will do most of the time, and asks nobody.
	pins, current := p.consensus.Local(), false
	for {
		pin, revision, err := p.decide(ctx, pins, c, decide)
		switch {
		case err == nil:
			done, err := p.propose(ctx, consensus.PinOp(pin).IfRevision(revision))
			if err == nil {
				return pinned{pin, done.Index}, nil
			}
			if !errors.Is(err, consensus.ErrConflict) {
				return pinned{}, fmt.Errorf("commit pin of %s: %w", c, err)
			}
		case current: // it is not for an old state that it was refused
			return pinned{}, err
		}
		if pins, err = p.consensus.Pins(ctx); err != nil {
			return pinned{}, err
		}
		current = true
	}
}

// decide makes the pin that is to replace the one in pins, whose revision it returns.
func (p *Peer) decide(ctx context.Context, pins consensus.Pins, c api.Cid, decide func(old api.Pin) (api.Pin, error)) (api.Pin, uint64, error) {
	old, revision, err := pins.GetRevision(ctx, c)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return api.Pin{}, 0, err
	}
	pin, err := decide(old)
	if err == nil {
		pin, err = p.complete(ctx, pin, old)
	}
	return pin, revision, err
}

// pinNow reads a pin and its revision with everything that was acknowledged before. The error is state.ErrNotFound, with
// revision 0, when there is none.
func (p *Peer) pinNow(ctx context.Context, c api.Cid) (api.Pin, uint64, error) {
	pins, err := p.consensus.Pins(ctx)
	if err != nil {
		return api.Pin{}, 0, err
	}
	return pins.GetRevision(ctx, c)
}

// propose commits one operation. This peer need not have applied it when that is done.
func (p *Peer) propose(ctx context.Context, op consensus.Op) (consensus.Commit, error) {
	done, err := p.consensus.Propose(ctx, op)
	if err != nil {
		return done, err
	}
	return done, done.Errs[0]
}

// commit commits the operations together: if one of them fails, none takes effect, and its error is returned.
func (p *Peer) commit(ctx context.Context, ops ...consensus.Op) (consensus.Commit, error) {
	done, err := p.consensus.CommitAtomic(ctx, ops...)
	if err != nil {
		return done, err
	}
	for _, err := range done.Errs {
		if err != nil && !errors.Is(err, consensus.ErrNotApplied) {
			return done, err
		}
	}
	return done, nil
}

// CheckFactors refuses replication factors that no pin can have in this cluster.
func (a API) CheckFactors(ctx context.Context, o api.PinOptions) error {
	_, _, err := a.peer.factors(ctx, o)
	return err
}

// factors are the replication factors that a pin with these options has.
func (p *Peer) factors(ctx context.Context, o api.PinOptions) (low, high int, err error) {
	low, high = o.ReplicationFactorMin, o.ReplicationFactorMax
	if low == 0 {
		low = p.opts.ReplicationMin
	}
	if high == 0 {
		high = p.opts.ReplicationMax
	}
	if (low < 0) != (high < 0) || low > high || low < -1 {
		return low, high, badPin{fmt.Errorf("replication of %d to %d peers is impossible", low, high)}
	}
	if o.ReplicationFactorMin <= 1 { // the default is not the client's fault
		return low, high, nil
	}
	members, err := p.consensus.Peers(ctx)
	if err == nil && low > len(members) {
		err = badPin{fmt.Errorf("replication-min is %d, and the cluster has %d peers", low, len(members))}
	}
	return low, high, err
}

// complete fills in what the request leaves to the cluster, and refuses what cannot be.
func (p *Peer) complete(ctx context.Context, pin, old api.Pin) (api.Pin, error) {
	low, high, err := p.factors(ctx, pin.PinOptions)
	if err != nil {
		return pin, err
	}
	pin.ReplicationFactorMin, pin.ReplicationFactorMax = low, high
	switch {
	case !pin.ExpireAt.IsZero() && pin.ExpireAt.Before(time.Now()):
		return pin, badPin{fmt.Errorf("the pin of %s would expire in the past", pin.Cid)}
	case old.Defined() && old.Type != pin.Type:
		return pin, badPin{fmt.Errorf("%s is pinned as %s; unpin it first", pin.Cid, old.Type)}
	}
	if err := checkMode(pin, old); err != nil {
		return pin, err
	}
	pin.Timestamp = time.Now()
	pin.Allocations = []peer.ID{} // a list, for clients
	if low < 0 {
		return pin, nil // everywhere
	}
	err = p.clusterAPI.get().CallContext(ctx, "", "Cluster", "BlockAllocate", pin, &pin.Allocations)
	if err != nil {
		return pin, tooFewPeers{fmt.Errorf("allocate %s: %w", pin.Cid, err)}
	}
	return pin, nil
}

// checkMode refuses to turn a recursive pin into a direct one: what is below it would be lost.
func checkMode(pin, old api.Pin) error {
	if old.Defined() && old.Mode == api.PinModeRecursive && pin.Mode != api.PinModeRecursive {
		return badPin{fmt.Errorf("%s is pinned recursively; unpin it first", pin.Cid)}
	}
	return nil
}

// withOptions decides for a pin with exactly these options; opts.PinUpdate names a pin to take the others from.
func (p *Peer) withOptions(ctx context.Context, c api.Cid, opts api.PinOptions) func(api.Pin) (api.Pin, error) {
	return func(api.Pin) (api.Pin, error) {
		pin := api.PinWithOpts(c, opts)
		if !opts.PinUpdate.Defined() || opts.PinUpdate.Equals(c) {
			return pin, nil
		}
		from, _, err := p.pinNow(ctx, opts.PinUpdate)
		switch {
		case err != nil:
			return pin, err
		case from.Type != api.DataType:
			return pin, badPin{fmt.Errorf("a pin of type %s cannot be updated", from.Type)}
		}
		from.Cid, from.PinUpdate = c, opts.PinUpdate
		if opts.Name != "" {
			from.Name = opts.Name
		}
		if opts.ExpireAt.After(time.Now()) {
			from.ExpireAt = opts.ExpireAt
		}
		return from, nil
	}
}

// here decides for a pin made through the RPC API: it keeps the options of the pin that there is, except its name, its
// mode and its expiry, and prefers this peer, which has the blocks.
func (p *Peer) here(c api.Cid, mode api.PinMode, name string) func(api.Pin) (api.Pin, error) {
	return func(old api.Pin) (api.Pin, error) {
		opts := old.PinOptions // of no pin: none
		opts.Name, opts.Mode = name, mode
		opts.ExpireAt = time.Time{}
		opts.PinUpdate = api.CidUndef
		if p.opts.ReplicationMax > 0 && len(opts.UserAllocations) == 0 {
			opts.UserAllocations = []peer.ID{p.ID()}
		}
		return api.PinWithOpts(c, opts), nil
	}
}
