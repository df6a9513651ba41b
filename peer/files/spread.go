package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// inlineLimit is how many bytes of blocks go along with the list of what a peer shall hold. It fetches the others.
	inlineLimit = 1 << 20
	// reachLimit is how long a peer is tried that cannot be reached, and reachRound how often.
	reachLimit = 15 * time.Second
	reachRound = 100 * time.Millisecond
	// spreadLimit is how long a peer may take to fetch what it shall hold.
	spreadLimit = 10 * time.Minute
	// lateLimit is how long a peer may take for that once a majority is done, and maxLate for how many changes at a time.
	// After that it comes to the blocks by itself.
	lateLimit = 5 * time.Second
	maxLate   = 16
)

// ErrTooFew reports a change whose blocks did not get to a majority. It is not committed.
var ErrTooFew error = tooFew{errors.New("too few peers could store the blocks of the change")}

type tooFew struct{ error }

// HTTPStatus tells the APIs how to answer.
func (tooFew) HTTPStatus() int { return http.StatusServiceUnavailable }

// spread returns when the blocks that next has and base has not are on the disks of a majority. What no member has is left out.
func (f *Files) spread(ctx context.Context, base, next tree) error {
	voters := f.opts.Consensus.Voters()
	quorum := len(voters)/2 + 1
	synced := make(chan error, 1)
	f.running.Go(func() { synced <- f.opts.Sync(ctx) })
	added, err := f.added(ctx, base.root, next.root, quorum)
	if err != nil {
		return errors.Join(err, <-synced)
	}
	list, err := f.list(ctx, added)
	if err != nil {
		return errors.Join(err, <-synced)
	}
	f.held.expect(base.revision, added) // here too, whatever becomes of the change
	sending, cancel := context.WithCancel(ctx)
	others := slices.DeleteFunc(voters, func(id peer.ID) bool { return id == f.opts.ID })
	outcomes := make(chan error, len(others))
	for _, id := range others {
		f.running.Go(func() { outcomes <- f.sendHold(sending, id, base.revision, list) })
	}
	if err := <-synced; err != nil {
		cancel()
		return fmt.Errorf("sync the blocks of the change: %w", err)
	}
	if err := f.reached(ctx, Synced); err != nil {
		cancel()
		return err
	}
	return f.awaitHeld(cancel, outcomes, quorum-1)
}

// added lists the blocks that one DAG has, here or on another member, and another DAG has not.
func (f *Files) added(ctx context.Context, base, next cid.Cid, quorum int) ([]cid.Cid, error) {
	source := f.blocks.members.NewSource()
	d := &difference{old: f.blocks.links, new: func(ctx context.Context, c cid.Cid) ([]cid.Cid, error) {
		return f.blocks.linksAnywhere(ctx, source, quorum, c)
	}}
	found, err := d.find(ctx, base, next)
	if err != nil && !errors.Is(err, errUnsure) {
		return nil, fmt.Errorf("find the blocks of the change: %w", err)
	}
	return found, nil
}

// awaitHeld waits until need of the outcomes are good. The others may go on for a while after that.
func (f *Files) awaitHeld(cancel context.CancelFunc, outcomes <-chan error, need int) error {
	left := cap(outcomes)
	var failures []error
	for need > 0 && left >= need {
		err := <-outcomes
		left--
		if err == nil {
			need--
		} else {
			failures = append(failures, err)
		}
	}
	if need > 0 || left == 0 {
		cancel()
	} else {
		f.letBeLate(cancel)
	}
	if need > 0 {
		return fmt.Errorf("%w: %w", ErrTooFew, errors.Join(failures...))
	}
	return nil
}

// letBeLate cancels after a while, or at once if there is much to wait for already.
func (f *Files) letBeLate(cancel context.CancelFunc) {
	select {
	case f.late <- struct{}{}:
	default:
		cancel()
		return
	}
	f.running.Go(func() {
		defer func() { <-f.late }()
		defer cancel()
		over := time.NewTimer(lateLimit)
		defer over.Stop()
		select {
		case <-over.C:
		case <-f.ctx.Done():
		}
	})
}

// list makes the message that says which blocks to hold, with the content of the first ones.
func (f *Files) list(ctx context.Context, cids []cid.Cid) ([]byte, error) {
	var out bytes.Buffer
	for _, c := range cids {
		item := holdItem{cid: c}
		if out.Len() < inlineLimit {
			block, err := f.blocks.Get(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("read block %s of the change: %w", c, err)
			}
			item.inline, item.data = true, block.RawData()
		}
		item.appendTo(&out)
	}
	return out.Bytes(), nil
}

// sendHold has a peer store and hold blocks. It tries again as long as the peer may be on its way back.
func (f *Files) sendHold(ctx context.Context, id peer.ID, base uint64, list []byte) error {
	giveUp := time.NewTimer(reachLimit)
	defer giveUp.Stop()
	for {
		err := f.sendHoldOnce(ctx, id, base, list)
		if err == nil || ctx.Err() != nil {
			return err
		}
		again := time.NewTimer(reachRound)
		select {
		case <-again.C:
		case <-giveUp.C:
			again.Stop()
			return err
		case <-ctx.Done():
			again.Stop()
			return err
		}
	}
}

func (f *Files) sendHoldOnce(ctx context.Context, id peer.ID, base uint64, list []byte) error {
	ctx, cancel := context.WithTimeout(ctx, spreadLimit)
	defer cancel()
	target := url.URL{Scheme: "http", Host: id.String(), Path: HoldPath, RawQuery: url.Values{"base": {strconv.FormatUint(base, 10)}}.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(list))
	if err != nil {
		return fmt.Errorf("send blocks to peer %s: %w", id, err)
	}
	resp, err := f.opts.Transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("send blocks to peer %s: %w", id, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1024)) // what there is of it
		return fmt.Errorf("send blocks to peer %s: %s: %s", id, resp.Status, text)
	}
	return nil
}
