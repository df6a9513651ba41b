package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"golang.org/x/sync/errgroup"
)

// restParallel is how many CIDs of one request are looked up at a time; each lookup may ask every peer.
const restParallel = 64

// restGlobal shows this peer's status in the form that all peers' status has.
func restGlobal(p api.PinInfo) (any, bool) { return p.ToGlobal(), true }

func (a *rest) statusAll(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	local, err := restLocal(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if s := q.Get("cids"); s != "" {
		cids, err := restCids(s)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		restStream(a, w, r, a.statusOf(cids, local), restKeep)
		return
	}
	filter, err := restStatuses(q.Get("filter"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if local {
		restStream(a, w, r, func(ctx context.Context, out chan<- api.PinInfo) error {
			return a.Cluster.StatusAllLocal(ctx, filter, out)
		}, restGlobal)
		return
	}
	selection, err := restSelection(q)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	lines := newStatusLines()
	show := func(info api.GlobalPinInfo) (any, bool) { return statusLine{lines, info}, true }
	if selection.everything() {
		restStream(a, w, r, func(ctx context.Context, out chan<- api.GlobalPinInfo) error {
			return a.Cluster.StatusAll(ctx, filter, out)
		}, show)
		return
	}
	restSelected(a, w, r, selection, func(ctx context.Context, pins []api.Pin) ([]*api.GlobalPinInfo, error) {
		return a.Cluster.StatusOf(ctx, pins, filter)
	}, show)
}

// statusOf looks up some CIDs at once. One that fails does not hide the others.
func (a *rest) statusOf(cids []api.Cid, local bool) func(context.Context, chan<- api.GlobalPinInfo) error {
	return func(ctx context.Context, out chan<- api.GlobalPinInfo) error {
		var (
			mu   sync.Mutex
			errs []error
			g    errgroup.Group
		)
		g.SetLimit(restParallel)
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

func (a *rest) statusOne(ctx context.Context, c api.Cid, local bool) (api.GlobalPinInfo, error) {
	if local {
		return a.Cluster.StatusLocal(ctx, c).ToGlobal(), nil
	}
	return a.Cluster.Status(ctx, c)
}

func (a *rest) status(w http.ResponseWriter, r *http.Request) {
	c, local, ok := a.cidAndLocal(w, r)
	if !ok {
		return
	}
	info, err := a.statusOne(r.Context(), c, local)
	a.reply(w, r, info, err)
}

func (a *rest) recoverOne(w http.ResponseWriter, r *http.Request) {
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
func (a *rest) cidAndLocal(w http.ResponseWriter, r *http.Request) (api.Cid, bool, bool) {
	c, err := restCid(r)
	if err != nil {
		a.fail(w, r, err)
		return api.CidUndef, false, false
	}
	local, err := restLocal(r)
	if err != nil {
		a.fail(w, r, err)
		return api.CidUndef, false, false
	}
	return c, local, true
}

func (a *rest) recoverAll(w http.ResponseWriter, r *http.Request) {
	local, err := restLocal(r)
	switch {
	case err != nil:
		a.fail(w, r, err)
	case local:
		restStream(a, w, r, a.Cluster.RecoverAllLocal, restGlobal)
	default:
		restStream(a, w, r, a.Cluster.RecoverAll, restKeep)
	}
}
