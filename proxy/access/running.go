package access

import (
	"bytes"
	"context"
	"errors"
	"sync"
)

// errCut is why a request ends whose credential was revoked.
var errCut = errors.New("the credential was revoked")

// running knows the requests that were let in by tokens and users, so that they end with them: some have no end of their
// own.
type running struct {
	mu       sync.Mutex
	requests map[*request]struct{}
}

type request struct {
	place string
	hash  []byte
	need  Scopes
	cut   context.CancelCauseFunc
}

// holds tells whether the request would still be let in.
func (q *request) holds(b *book) bool {
	c := b.at(q.place)
	return c != nil && bytes.Equal(c.Hash, q.hash) && c.Scopes.allows(q.need)
}

// begin notes a request that c has let in. Its context ends if c is revoked meanwhile; end must be called after it, and
// tells whether it was cut.
func (r *Registry) begin(ctx context.Context, c *credential, need Scopes) (_ context.Context, end func() (cut bool)) {
	ctx, cancel := context.WithCancelCause(ctx)
	q := &request{place: c.place, hash: c.Hash, need: need, cut: cancel}
	r.running.mu.Lock()
	r.running.requests[q] = struct{}{}
	r.running.mu.Unlock()
	if !q.holds(r.here()) { // it was revoked after it was found
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

// cut ends the requests that would not be let in any more.
func (n *running) cut(b *book) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for q := range n.requests {
		if !q.holds(b) {
			q.cut(errCut)
		}
	}
}
