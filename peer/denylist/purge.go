package denylist

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/denial"
	"github.com/underlay/underlay/internal/pause"
)

const (
	// settle is how long after a rule was committed the CDN is told: by then the other peers do not serve any more what it
	// would ask them for.
	settle = time.Second
	// lookAgain is how long until a peer that does not lead looks whether it does, while there is something to tell.
	lookAgain = time.Second
	// lastRetry bounds the pause after a failure, which doubles from firstRetry.
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	// purgeBatch is of how many rules the CDN is told at once.
	purgeBatch = 100
)

// tellCDN tells the CDN of new rules while this peer leads. What it was told is noted as told only afterwards, so if the
// leader dies in between, the next one tells it again.
func (d *Denylist) tellCDN(ctx context.Context) error {
	for seen := uint64(0); ; {
		next, err := d.o.State.NextValues(ctx, space, seen)
		if ctx.Err() != nil || errors.Is(err, consensus.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("follow what the CDN is to be told: %w", err)
		}
		seen = next
		d.tellAll(ctx)
	}
}

// tellAll returns when there is nothing left to tell, or ctx ends.
func (d *Denylist) tellAll(ctx context.Context) {
	var retry time.Duration
	for {
		left, err := d.tell(ctx)
		wait := lookAgain
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			retry = min(max(2*retry, firstRetry), lastRetry)
			wait = retry
			d.o.Logger.Error("the CDN could not be told what is denied, and may still have it", "error", err, "next attempt in", retry)
		case !left:
			return
		default:
			retry = 0
		}
		if !pause.For(ctx, wait) {
			return
		}
	}
}

// tell tells the CDN of some of the rules of which it was not told yet, if that is up to this peer, and whether there
// are any left.
func (d *Denylist) tell(ctx context.Context) (left bool, err error) {
	values, err := d.o.State.Values(consensus.WithStale(ctx), purgePlace)
	if err != nil {
		return true, fmt.Errorf("read what the CDN is to be told: %w", err)
	}
	var rules []denial.Rule
	told := make(map[string]uint64) // revisions by key
	for _, v := range values {
		if r, err := decode(v); err == nil && len(rules) < purgeBatch {
			rules = append(rules, r)
			told[v.Key] = v.Revision
		}
	}
	if len(rules) == 0 || !d.o.Leads() {
		return len(rules) > 0, nil
	}
	if d.o.Purge != nil {
		if !pause.For(ctx, settle) {
			return true, ctx.Err()
		}
		if err := d.o.Purge(ctx, rules); err != nil {
			return true, err
		}
		d.o.Logger.Info("the CDN was told what is denied", "rules", len(rules))
	}
	return len(values) > len(rules), d.forget(ctx, told)
}

// errNothing ends a change that has nothing to do.
var errNothing = errors.New("nothing to do")

// forget removes the notes that the CDN must be told, unless there are newer ones.
func (d *Denylist) forget(ctx context.Context, told map[string]uint64) error {
	_, err := d.o.State.Transact(ctx, func(ctx context.Context) (ops []consensus.Op, err error) {
		values, err := d.o.State.Values(ctx, purgePlace)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			if told[v.Key] == v.Revision {
				ops = append(ops, consensus.DelValueOp(v.Key).IfRevision(v.Revision))
			}
		}
		if len(ops) == 0 {
			return nil, errNothing
		}
		return ops, nil
	})
	if err != nil && !errors.Is(err, errNothing) {
		return fmt.Errorf("note what the CDN was told: %w", err)
	}
	return nil
}
