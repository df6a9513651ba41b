package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/consensus"
)

// change commits what decide makes of the credentials as they are now, and returns when no peer trusts what was known
// before. Changes are made one after the other: what decide has found holds when they take effect.
//
// The errors are those of decide, of consensus.Barrier and of consensus.Commit.
func (r *Registry) change(ctx context.Context, decide func(*book) ([]consensus.Op, error)) error {
	for {
		b, err := r.ask(ctx)
		if err != nil {
			return err
		}
		ops, err := decide(b)
		if err != nil {
			return err
		}
		ops = append(ops, consensus.SetValueOp(changePlace, nil).IfRevision(b.revision))
		done, err := r.values.CommitAtomic(ctx, ops...)
		if err != nil {
			return fmt.Errorf("change the credentials of the cluster: %w", err)
		}
		err = failure(done.Errs)
		if errors.Is(err, consensus.ErrConflict) {
			continue
		}
		if err == nil {
			err = r.settle(ctx, done.Index)
		}
		return err
	}
}

// failure is the first error that is not just the consequence of another.
func failure(errs []error) error {
	for _, err := range errs {
		if err != nil && !errors.Is(err, consensus.ErrNotApplied) {
			return err
		}
	}
	return nil
}

// settle returns when every peer knows of the change of an entry, which this one has applied, or trusts no longer what it
// knew before. If ctx ends first, that is not certain, and the error says so.
func (r *Registry) settle(ctx context.Context, index uint64) error {
	over := time.Now().Add(trustOver)
	if _, err := r.read(ctx, time.Time{}); err != nil {
		return err
	}
	if r.allKnow(ctx, index, over) {
		return nil
	}
	timer := time.NewTimer(time.Until(over))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait until every peer has heard of the change: %w: %w", consensus.ErrUnknownOutcome, ctx.Err())
	}
}

// allKnow asks the other members whether they know of an entry, until the deadline.
func (r *Registry) allKnow(ctx context.Context, index uint64, deadline time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	members, err := r.peers.Names(ctx)
	if err != nil {
		return false
	}
	g, ctx := errgroup.WithContext(ctx)
	for id := range members {
		if id != r.peers.ID() {
			g.Go(func() error { return r.knows(ctx, id, index) })
		}
	}
	return g.Wait() == nil
}

// KnownPath is where a peer answers the others when it knows of a change of the credentials.
const KnownPath = "/node/access/known"

// knows returns nil when another peer has said that it knows of an entry.
func (r *Registry) knows(ctx context.Context, id peer.ID, index uint64) error {
	target := url.URL{
		Scheme: "http", Host: id.String(), Path: KnownPath,
		RawQuery: url.Values{"index": {strconv.FormatUint(index, 10)}}.Encode(),
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return fmt.Errorf("ask peer %s: %w", id, err)
	}
	resp, err := r.peers.Transport().RoundTrip(req)
	if err != nil {
		return fmt.Errorf("ask peer %s: %w", id, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("ask peer %s: it answers %s", id, resp.Status)
	}
	return nil
}

// Known answers the other peers, and nobody else may reach it: 204 as soon as this one knows of the change that is named.
func (r *Registry) Known() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		index, err := strconv.ParseUint(req.URL.Query().Get("index"), 10, 64)
		if err != nil || index == 0 {
			http.Error(w, "index: must be the number of an entry", http.StatusBadRequest)
			return
		}
		if _, err = r.values.NextValues(req.Context(), space, index-1); err == nil {
			_, err = r.read(req.Context(), time.Time{})
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
