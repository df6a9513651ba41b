package reconcile

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/core"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/peer/ipfs"
)

// How long a failed pin waits before the next attempt: twice as long each time, within these bounds.
const (
	retryMin = time.Second
	retryMax = 5 * time.Minute
)

// Feed is the part of consensus that the reconciler follows.
type Feed interface {
	Ready(context.Context) <-chan struct{}
	Local() consensus.Pins
	Next(context.Context) (consensus.Changes, error)
	WaitApplied(context.Context, uint64) error
}

// Options configure a reconciler.
type Options struct {
	ID      peer.ID // of this peer
	Name    string  // of this peer, for status
	Node    *core.IpfsNode
	Pins    *ipfs.Pins // of that node
	Feed    Feed
	Workers int // pins that are fetched at the same time, those that get no blocks apart
	Logger  *slog.Logger
}

// Reconciler makes the local pins follow the pinset. It is level-triggered: it is only told which CID to look at, and
// decides from this peer's applied state, so a missed, repeated or late hint does no harm.
type Reconciler struct {
	id     peer.ID
	name   string
	node   *core.IpfsNode
	pins   *ipfs.Pins
	feed   Feed
	queue  *queue
	slots  chan struct{} // one for each attempt at work
	parked chan struct{} // one for each attempt that waits for blocks nobody sends
	logger *slog.Logger

	rescan   chan struct{} // has a token when anything may have changed
	scanning atomic.Bool
	check    startCheck
	changes  changes

	mu        sync.Mutex
	unsettled unsettled
	watchers  map[cid.Cid]map[chan struct{}]struct{}
}

// operation describes a CID whose local pin is not (yet) what the pinset wants.
type operation struct {
	status   api.TrackerStatus
	since    time.Time
	attempts int
	err      error // of the latest attempt
	progress *merkledag.ProgressTracker
	place    *list.Element // among all, by age
}

// New makes a reconciler; Serve sets it to work.
func New(o Options) *Reconciler {
	return &Reconciler{
		id: o.ID, name: o.Name, node: o.Node, pins: o.Pins, feed: o.Feed, logger: o.Logger,
		queue:     newQueue(),
		slots:     make(chan struct{}, o.Workers),
		parked:    make(chan struct{}, maxParked),
		rescan:    make(chan struct{}, 1),
		unsettled: newUnsettled(),
		watchers:  make(map[cid.Cid]map[chan struct{}]struct{}),
	}
}

// Serve follows the pinset until ctx ends. It starts when this peer has caught up with its cluster: acting on an old
// state could drop what has been pinned again since.
func (r *Reconciler) Serve(ctx context.Context) error {
	defer r.queue.close()
	select {
	case <-ctx.Done():
		return nil
	case <-r.feed.Ready(ctx):
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { r.dispatch(ctx, g); return nil })
	g.Go(func() error { return r.follow(ctx) })
	g.Go(func() error { return r.scanWhenAsked(ctx) })
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (r *Reconciler) follow(ctx context.Context) error {
	for {
		if err := r.queue.awaitRoom(ctx, maxFresh); err != nil {
			return err
		}
		changes, err := r.feed.Next(ctx)
		if err != nil {
			return fmt.Errorf("follow the pinset: %w", err)
		}
		if changes.All {
			select {
			case r.rescan <- struct{}{}:
			default:
			}
		}
		for _, c := range changes.CIDs {
			r.enqueue(c.Cid, true)
		}
	}
}

// wants tells whether the pin belongs on this peer's node. Meta pins only describe others.
func (r *Reconciler) wants(pin api.Pin) bool {
	return pin.Type != api.MetaType && !pin.IsRemotePin(r.id)
}

// wanted reads the pin of c from the applied state.
func (r *Reconciler) wanted(ctx context.Context, c cid.Cid) (pin api.Pin, wanted bool, err error) {
	pin, err = r.feed.Local().Get(ctx, api.NewCid(c))
	if errors.Is(err, state.ErrNotFound) {
		return api.Pin{Cid: api.NewCid(c)}, false, nil
	}
	if err != nil {
		return pin, false, fmt.Errorf("read pin %s: %w", c, err)
	}
	return pin, r.wants(pin), nil
}

// Hint asks for a look at c. It never blocks.
func (r *Reconciler) Hint(c cid.Cid) { r.enqueue(c, true) }

func (r *Reconciler) enqueue(c cid.Cid, fresh bool) {
	r.markQueued(c)
	r.queue.add(c, fresh)
}

// markQueued notes that c waits for a worker. If one has it already, what that one does, and has fetched, stays in view.
func (r *Reconciler) markQueued(c cid.Cid) {
	r.mu.Lock()
	defer r.mu.Unlock()
	op := r.unsettled.at(c)
	if op.status == api.TrackerStatusPinning || op.status == api.TrackerStatusUnpinning {
		return
	}
	op.status, op.since, op.progress = api.TrackerStatusPinQueued, time.Now(), nil
	r.unsettled.set(c, op)
}

// mark notes what is being done about c from now on, and returns where to count its blocks.
func (r *Reconciler) mark(c cid.Cid, status api.TrackerStatus) *merkledag.ProgressTracker {
	r.mu.Lock()
	defer r.mu.Unlock()
	op := r.unsettled.at(c)
	op.status, op.since, op.progress = status, time.Now(), new(merkledag.ProgressTracker)
	r.unsettled.set(c, op)
	return op.progress
}

// settle notes how an attempt ended, wakes those who wait for it, and plans the next attempt after a failure.
func (r *Reconciler) settle(c cid.Cid, err error) {
	r.check.attempted(c)
	r.mu.Lock()
	defer r.mu.Unlock()
	for watcher := range r.watchers[c] {
		select {
		case watcher <- struct{}{}:
		default:
		}
	}
	op := r.unsettled.at(c)
	ended, failed := api.TrackerStatusPinned, api.TrackerStatusPinError
	if op.status == api.TrackerStatusUnpinning {
		ended, failed = api.TrackerStatusUnpinned, api.TrackerStatusUnpinError
	}
	now := time.Now()
	if err == nil {
		r.unsettled.remove(c)
		r.changes.add(Change{Cid: api.NewCid(c), Status: ended, At: now})
		return
	}
	r.unsettled.set(c, operation{status: failed, since: now, attempts: op.attempts + 1, err: err})
	r.changes.add(Change{api.NewCid(c), failed, err.Error(), now})
	wait := min(retryMin<<min(op.attempts, 20), retryMax)
	r.logger.Warn("pin is not as the pinset wants it; will retry", "cid", c, "attempt", op.attempts+1, "retry_in", wait, "error", err)
	r.queue.addAfter(c, wait)
}

func (r *Reconciler) operation(c cid.Cid) (operation, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	op, ok := r.unsettled.operations[c]
	return op, ok
}
