package reconcile

import (
	"context"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"

	"github.com/underlay/underlay/internal/request"
)

// AwaitRequest asks a peer to answer once it holds a pin, or how far it is.
type AwaitRequest struct {
	Cid     api.Cid
	Index   uint64        // of the log entry that made the pin, or a later one
	Timeout time.Duration // after which the peer answers in any case
	Origin  string        // the request that waits, see [request.Pack]
}

// AwaitReply says how the wait ended. With neither Held nor Gone set, the peer is still at it.
type AwaitReply struct {
	Held   bool   // the peer has the pin's blocks and pins them
	Gone   bool   // the pinset no longer wants the pin on that peer
	Blocks int    // how many blocks it has fetched or checked so far
	Error  string // what the latest attempt failed with
}

// Await waits until the state has applied the request's index and this node holds the pin, until the pinset no longer
// wants it here, or until the request's time is over.
func (r *Reconciler) Await(ctx context.Context, req AwaitRequest) (AwaitReply, error) {
	c := req.Cid.Cid
	timed, cancel := context.WithTimeout(ctx, req.Timeout)
	defer cancel()
	if err := r.feed.WaitApplied(timed, req.Index); err != nil {
		if timed.Err() != nil && ctx.Err() == nil {
			return r.progress(c), nil
		}
		return AwaitReply{}, err
	}
	changed, stop := r.watch(ctx, c)
	defer stop()
	for {
		if !r.busy(c) { // else there is something to see when the attempt has ended
			reply, err := r.look(ctx, c)
			if err != nil || reply.Held || reply.Gone {
				return reply, err
			}
		}
		r.queue.promote(c)
		select {
		case <-changed:
		case <-timed.Done():
			if ctx.Err() != nil {
				return AwaitReply{}, ctx.Err()
			}
			return r.progress(c), nil
		}
	}
}

// look tells whether the pinset wants c here, and whether this node holds it.
func (r *Reconciler) look(ctx context.Context, c cid.Cid) (AwaitReply, error) {
	pin, wanted, err := r.wanted(ctx, c)
	if err != nil || !wanted {
		return AwaitReply{Gone: !wanted}, err
	}
	held, err := r.pins.Has(ctx, pin)
	return AwaitReply{Held: held}, err
}

// busy tells whether an attempt at c is under way or waits for a worker.
func (r *Reconciler) busy(c cid.Cid) bool {
	op, ok := r.operation(c)
	return ok && op.err == nil
}

// progress tells how far the work on c is.
func (r *Reconciler) progress(c cid.Cid) AwaitReply {
	op, _ := r.operation(c)
	var reply AwaitReply
	if op.progress != nil {
		reply.Blocks = op.progress.Value()
	}
	if op.err != nil {
		reply.Error = op.err.Error()
	}
	return reply
}

// watch returns a channel that gets a token whenever an attempt at c has ended.
func (r *Reconciler) watch(ctx context.Context, c cid.Cid) (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watchers[c] == nil {
		r.watchers[c] = make(map[chan struct{}]context.Context)
	}
	r.watchers[c][ch] = ctx
	return ch, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers[c], ch)
		if len(r.watchers[c]) == 0 {
			delete(r.watchers, c)
		}
	}
}

// traceFetch tells the trace of a request that waits for c of a fetch that has ended.
func (r *Reconciler) traceFetch(c cid.Cid, began time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ctx := range r.watchers[c] {
		if span, traced := request.Began(ctx, "fetch", began); traced {
			span.Done(err)
			return
		}
	}
}
