package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/peer/ipfs"
)

const (
	// parkAfter is how long an attempt may wait for a block before it gives its slot to another: pins whose blocks are
	// nowhere to be had must not hold up those whose blocks are.
	parkAfter = time.Second
	// maxParked bounds the attempts that wait without a slot.
	maxParked = 1024
)

var (
	errUnwanted  = errors.New("the pinset no longer wants it here")
	errAllParked = fmt.Errorf("%w, and %d others wait already", ipfs.ErrNoProgress, maxParked)
)

// dispatch starts an attempt for each CID that comes up, as many at a time as there are slots.
func (r *Reconciler) dispatch(ctx context.Context, g *errgroup.Group) {
	for {
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		release := sync.OnceFunc(func() { <-r.slots })
		c, err := r.queue.take(ctx)
		if err != nil {
			release()
			return
		}
		g.Go(func() error {
			defer release()
			a := attempt{Reconciler: r, cid: c, release: release, lock: pinLock{locker: r.node.Blockstore}}
			err := a.run(ctx)
			if ctx.Err() == nil {
				r.settle(c, err)
			}
			r.queue.done(c)
			return nil
		})
	}
}

// attempt makes the local pin of one CID what the pinset wants.
type attempt struct {
	*Reconciler
	cid     cid.Cid
	release func() // gives the slot back; may be called twice
	lock    pinLock
	waiting bool    // holds a place among the parked, and no slot
	fetched api.Pin // all its blocks are here; undefined before a fetch
}

func (a *attempt) run(ctx context.Context) error {
	a.lock.take(ctx)
	defer a.lock.drop(ctx)
	for {
		missing, err := a.decide(ctx)
		if err != nil || !missing.Defined() {
			return err
		}
		switch err := a.obtain(ctx, missing); {
		case err == nil:
			a.fetched = missing
		case !errors.Is(err, errUnwanted):
			return err
		}
		a.lock.take(ctx)
	}
}

// decide pins or unpins as the pinset wants it, unless blocks have to be fetched first: then it returns the pin.
func (a *attempt) decide(ctx context.Context) (missing api.Pin, err error) {
	defer a.pins.Lock(a.cid)()
	pin, wanted, err := a.wanted(ctx, a.cid)
	if err != nil {
		return api.Pin{}, err
	}
	if !wanted {
		a.mark(a.cid, api.TrackerStatusUnpinning)
		return api.Pin{}, a.pins.Unpin(ctx, a.cid)
	}
	held, err := a.pins.Has(ctx, pin)
	if held || err != nil {
		return api.Pin{}, err
	}
	here := a.fetched.Defined() && a.fetched.MaxDepth == pin.MaxDepth
	if !here {
		here, err = a.pins.Whole(ctx, pin)
	}
	if !here || err != nil {
		return pin, err
	}
	return api.Pin{}, a.pins.Pin(ctx, pin)
}

// obtain brings the pin's blocks here.
func (a *attempt) obtain(ctx context.Context, pin api.Pin) error {
	progress, began := a.mark(a.cid, api.TrackerStatusPinning), time.Now()
	err := a.pins.Fetch(ctx, pin, progress, func(idle time.Duration) error { return a.watch(ctx, idle) })
	a.traceFetch(a.cid, began, err)
	if !a.waiting {
		return err
	}
	<-a.parked
	a.waiting = false
	if err != nil {
		return err
	}
	// While the pin lock was let go, a collection may have taken what had come.
	a.lock.take(ctx)
	return a.pins.Fetch(ctx, pin, new(merkledag.ProgressTracker), ipfs.GiveUpWhenStalled)
}

// watch decides once a second whether a fetch goes on, and in which way: one that gets nothing gives up its slot and the
// pin lock, behind which a garbage collection may wait.
func (a *attempt) watch(ctx context.Context, idle time.Duration) error {
	if _, wanted, err := a.wanted(ctx, a.cid); err != nil {
		return err
	} else if !wanted {
		return errUnwanted
	}
	if idle >= parkAfter && !a.waiting {
		select {
		case a.parked <- struct{}{}:
		default:
			return errAllParked
		}
		a.waiting = true
		a.check.attempted(a.cid)
		a.lock.drop(ctx)
		a.release()
	}
	return ipfs.GiveUpWhenStalled(idle)
}

// pinLock is the node's pin lock, which several may hold but no garbage collection beside them.
type pinLock struct {
	locker blockstore.GCLocker
	held   blockstore.Unlocker
}

func (l *pinLock) take(ctx context.Context) {
	if l.held == nil {
		l.held = l.locker.PinLock(ctx)
	}
}

func (l *pinLock) drop(ctx context.Context) {
	if l.held != nil {
		l.held.Unlock(ctx)
		l.held = nil
	}
}
