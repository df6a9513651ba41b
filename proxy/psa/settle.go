package psa

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/consensus"
)

// How often those CIDs are looked at that are not known to be held: at least so long after the last look, and so many
// times as long as that took, for looks to cost little. Where the last look found something, the next may too.
const (
	settlePause     = time.Second
	settleShare     = 2
	settleIdleShare = 20
)

// Serve notes of which CIDs it was seen that the peers hold them, so that lists need not ask the peers about them again,
// until ctx ends. It runs on every peer, and does its work on the leader. A note that is missing costs time only.
func (s *Service) Serve(ctx context.Context) error {
	seen := uint64(0)
	for ctx.Err() == nil {
		began, waiting, share := time.Now(), true, time.Duration(settleIdleShare)
		changed, err := s.state.NextValues(consensus.WithStale(ctx), space, seen)
		if errors.Is(err, consensus.ErrClosed) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("follow the requests of the pinning service: %w", err)
		}
		if s.cluster.Leads() {
			var found int
			if found, waiting, err = s.settle(consensus.WithStale(ctx)); err != nil && ctx.Err() == nil {
				s.logger.Debug("could not note which pins are held; will try again", "error", err)
			}
			if found > 0 {
				share = settleShare
			}
		}
		if !waiting { // nothing to do before something changes
			seen = changed
		}
		sleep(ctx, max(settlePause, share*time.Since(began)))
	}
	return nil
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// settle looks at all CIDs that are not known to be held. It returns how many of them it has settled, and reports whether
// some are left.
func (s *Service) settle(ctx context.Context) (found int, waiting bool, err error) {
	err = eachValue(ctx, s.state, waitSpace, waitSpace+"\x7f", func(values []consensus.Value) error {
		settled, err := s.settleSome(ctx, values)
		found, waiting = found+settled, waiting || settled < len(values)
		return err
	})
	return found, waiting || err != nil, err
}

// settleSome returns how many of the notes it has removed.
func (s *Service) settleSome(ctx context.Context, notes []consensus.Value) (settled int, err error) {
	cids := make([]api.Cid, len(notes))
	for i, v := range notes {
		if cids[i], err = waitingCid(v); err != nil {
			return 0, err
		}
	}
	found, err := s.cluster.Standings(ctx, cids)
	if err != nil {
		return 0, err
	}
	var ops []consensus.Op
	for i, v := range notes {
		switch {
		case len(v.Data) > 0:
			done, err := s.succeed(ctx, cids[i], string(v.Data))
			if err != nil {
				return settled, err
			}
			if done {
				settled++
			}
		case found[i].Safe() || !found[i].Wanted:
			ops = append(ops, consensus.DelValueOp(v.Key).IfRevision(v.Revision))
		}
	}
	if len(ops) == 0 {
		return settled, nil
	}
	_, err = s.state.Commit(ctx, ops...) // where a note has changed meanwhile, it stays
	return settled + len(ops), err
}

// succeed ends the claim on a CID whose last request was replaced, once the replacement is held or gone.
func (s *Service) succeed(ctx context.Context, c api.Cid, successor string) (done bool, err error) {
	switch _, err := s.state.Value(ctx, waitSpace+successor); {
	case err == nil:
		return false, nil
	case !errors.Is(err, state.ErrNotFound):
		return false, err
	}
	err = s.change(ctx, func(d *draft) error {
		_, err := d.claim(c) // if a request wants it again by now, it stays as it is
		return err
	})
	return err == nil, err
}

// waitingCid returns the CID that a note is about.
func waitingCid(v consensus.Value) (api.Cid, error) {
	c, err := api.DecodeCid(v.Key[len(waitSpace):])
	if err != nil {
		return c, fmt.Errorf("%w: note %s: %w", consensus.ErrCorrupt, v.Key, err)
	}
	return c, nil
}
