package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/internal/event"
	"github.com/underlay/underlay/internal/pinstatus"
)

// parallel is how many CIDs of one request are looked up at a time; each lookup may ask every peer.
const parallel = 64

// global shows this peer's status in the form that all peers' status has.
func global(p api.PinInfo) (any, bool) { return p.ToGlobal(), true }

func (a *handlers) statusAll(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	local, err := local(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if s := q.Get("cids"); s != "" {
		cids, err := cids(s)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		lines := newStatusLines()
		writeStream(a, w, r, a.statusOf(cids, local), func(info pinstatus.Status) (any, bool) { return statusLine{lines, info}, true })
		return
	}
	filter, err := statuses(q.Get("filter"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if local {
		writeStream(a, w, r, func(ctx context.Context, out chan<- api.PinInfo) error {
			return a.Cluster.StatusAllLocal(ctx, filter, out)
		}, global)
		return
	}
	selection, err := newSelection(q)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	lines := newStatusLines()
	show := func(info pinstatus.Status) (any, bool) { return statusLine{lines, info}, true }
	if selection.everything() {
		writeStream(a, w, r, func(ctx context.Context, out chan<- pinstatus.Status) error {
			return a.Cluster.StatusAll(ctx, filter, out)
		}, show)
		return
	}
	selected(a, w, r, selection, func(ctx context.Context, pins []api.Pin) ([]*pinstatus.Status, error) {
		return a.Cluster.StatusOf(ctx, pins, filter)
	}, show)
}

// statusOf looks up some CIDs at once. One that fails does not hide the others.
func (a *handlers) statusOf(cids []api.Cid, local bool) func(context.Context, chan<- pinstatus.Status) error {
	return func(ctx context.Context, out chan<- pinstatus.Status) error {
		var (
			mu   sync.Mutex
			errs []error
			g    errgroup.Group
		)
		g.SetLimit(parallel)
		for _, c := range cids {
			g.Go(func() error {
				info, err := a.statusOne(ctx, c, local)
				if err != nil {
					mu.Lock()
					defer mu.Unlock()
					errs = append(errs, fmt.Errorf("status of %s: %w", c, err))
					return nil
				}
				select {
				case out <- info:
				case <-ctx.Done():
				}
				return nil
			})
		}
		g.Wait() //nolint:errcheck // the functions return none; errs has them all
		return errors.Join(errs...)
	}
}

func (a *handlers) statusOne(ctx context.Context, c api.Cid, local bool) (pinstatus.Status, error) {
	if local {
		return pinstatus.Status{GlobalPinInfo: a.Cluster.StatusLocal(ctx, c).ToGlobal()}, nil
	}
	return a.Cluster.Status(ctx, c)
}

func (a *handlers) status(w http.ResponseWriter, r *http.Request) {
	c, local, ok := a.cidAndLocal(w, r)
	if !ok {
		return
	}
	info, err := a.statusOne(r.Context(), c, local)
	a.reply(w, r, statusLine{newStatusLines(), info}, err)
}

func (a *handlers) recoverOne(w http.ResponseWriter, r *http.Request) {
	c, local, ok := a.cidAndLocal(w, r)
	if !ok {
		return
	}
	if local {
		info, err := a.Cluster.RecoverLocal(r.Context(), c)
		a.reply(w, r, info.ToGlobal(), err)
		return
	}
	info, err := a.Cluster.Recover(r.Context(), c)
	a.reply(w, r, info, err)
}

// cidAndLocal answers itself when it returns false.
func (a *handlers) cidAndLocal(w http.ResponseWriter, r *http.Request) (api.Cid, bool, bool) {
	c, err := cidParam(r)
	if err != nil {
		a.fail(w, r, err)
		return api.CidUndef, false, false
	}
	local, err := local(r)
	if err != nil {
		a.fail(w, r, err)
		return api.CidUndef, false, false
	}
	return c, local, true
}

func (a *handlers) recoverAll(w http.ResponseWriter, r *http.Request) {
	local, err := local(r)
	switch {
	case err != nil:
		a.fail(w, r, err)
	case local:
		writeStream(a, w, r, a.Cluster.RecoverAllLocal, global)
	default:
		writeStream(a, w, r, a.Cluster.RecoverAll, keep)
	}
}

// rebalance moves pins between peers until all hold about the same number, and tells each move; with dry-run it only tells.
func (a *handlers) rebalance(w http.ResponseWriter, r *http.Request) {
	dry, err := boolParam(r, "dry-run")
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeStream(a, w, r, func(ctx context.Context, out chan<- event.Move) error {
		return a.Cluster.Rebalance(ctx, dry, func(m event.Move) error { return send(ctx, out, m) })
	}, keep)
}
