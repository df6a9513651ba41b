package access

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"
)

// errCut is why a request ends whose credential was revoked or, if the request has no end of its own, has expired.
var errCut = errors.New("the credential does not hold any more")

// cutEvery is how often requests are looked at whose credential may have expired.
const cutEvery = time.Second

// running knows the requests that were let in by tokens and users, so that they end with them: some have no end of their
// own.
type running struct {
	mu       sync.Mutex
	requests map[*request]struct{}
}

type request struct {
	place   string
	hash    []byte
	need    Scopes
	endless bool
	cut     context.CancelCauseFunc
}

// holds tells whether the request may go on. One that ends by itself may although its credential has expired meanwhile.
func (q *request) holds(b *book, now time.Time) bool {
	c := b.at(q.place)
	return c != nil && bytes.Equal(c.Hash, q.hash) && c.Scopes.allows(q.need) && !(q.endless && c.expired(now))
}

// begin notes a request that c has let in. Its context ends if c is revoked meanwhile; end must be called after it, and
// tells whether it was cut.
func (r *Registry) begin(ctx context.Context, c *credential, need Scopes, endless bool) (_ context.Context, end func() (cut bool)) {
	ctx, cancel := context.WithCancelCause(ctx)
	q := &request{place: c.place, hash: c.Hash, need: need, endless: endless, cut: cancel}
	r.running.mu.Lock()
	r.running.requests[q] = struct{}{}
	r.running.mu.Unlock()
	if !q.holds(r.here(), r.now()) { // it was revoked after it was found
		q.cut(errCut)
	}
	return ctx, func() bool {
		r.running.mu.Lock()
		delete(r.running.requests, q)
		r.running.mu.Unlock()
		defer cancel(nil)
		return errors.Is(context.Cause(ctx), errCut)
	}
}

// expire ends endless requests whose credential has expired, until ctx ends.
func (r *Registry) expire(ctx context.Context) error {
	tick := time.NewTicker(cutEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.running.cut(r.here(), r.now())
		case <-ctx.Done():
			return nil
		}
	}
}

// cut ends the requests that may not go on.
func (n *running) cut(b *book, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for q := range n.requests {
		if !q.holds(b, now) {
			q.cut(errCut)
		}
	}
}
