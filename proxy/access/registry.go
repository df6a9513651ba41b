package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/consensus"
)

const (
	// trust is how long a peer trusts what it knows of the credentials after it has begun to ask the leader.
	trust = 2 * time.Second
	// trustOver is when that is certainly over on a peer whose clock is slower than ours.
	trustOver = trust + trust/10
	// askPatience is how long a request waits for a leader to ask.
	askPatience = 5 * time.Second
)

// Values is what the registry needs of the replicated state.
type Values interface {
	// Barrier returns when this peer knows of everything that was acknowledged before.
	Barrier(ctx context.Context) error
	// Values returns what is stored under all keys with a prefix.
	Values(ctx context.Context, prefix string) ([]consensus.Value, error)
	// NextValues waits for a change in a space after entry seen, and returns the entry to name next.
	NextValues(ctx context.Context, space string, seen uint64) (uint64, error)
	// CommitAtomic makes all changes or none.
	CommitAtomic(ctx context.Context, ops ...consensus.Op) (consensus.Commit, error)
	// Usage returns what counts for an account.
	Usage(ctx context.Context, account string) (consensus.Usage, error)
}

// Peers is what the registry needs to reach the members of the cluster.
type Peers interface {
	// ID is this peer's own.
	ID() peer.ID
	// Names lists all members, this one included.
	Names(ctx context.Context) (map[peer.ID]string, error)
	// Transport carries requests to the member whose ID is the host of the URL.
	Transport() http.RoundTripper
}

// Registry knows the credentials of the cluster, as they are among its replicated values.
//
// A check must see every revocation that was acknowledged, on any peer, and costs no round trip: a peer that has begun to
// ask the leader at some moment, and then caught up, knows everything that was acknowledged until then. It trusts that for a
// fixed time. Whoever changes a credential therefore acknowledges that only when all members have said that they know, or
// when that time is over since the change was committed: nobody trusts what was known before.
type Registry struct {
	values Values
	peers  Peers
	logger *slog.Logger
	now    func() time.Time

	mu    sync.Mutex // held to read the values and put them in the place of known
	seen  uint64     // entry up to which they were read
	known atomic.Pointer[known]
	aged  chan struct{} // wakes Serve to ask again before requests must wait for it

	running running
}

// known is what a peer knows and since when it may trust that.
type known struct {
	book  *book
	since time.Time // zero: never asked
}

// OpenRegistry reads what this peer has of the credentials; Serve keeps it true.
func OpenRegistry(values Values, peers Peers, logger *slog.Logger) (*Registry, error) {
	r := &Registry{values: values, peers: peers, logger: logger, now: time.Now, aged: make(chan struct{}, 1)}
	r.running.requests = make(map[*request]struct{})
	r.known.Store(&known{book: &book{}})
	if _, err := r.read(context.Background(), time.Time{}); err != nil {
		return nil, fmt.Errorf("read the credentials of the cluster: %w", err)
	}
	return r, nil
}

// Serve follows the changes of the credentials until ctx ends, and then returns nil. Without it checks only cost more.
func (r *Registry) Serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.follow(ctx) })
	g.Go(func() error { return r.renew(ctx) })
	g.Go(func() error { return r.expire(ctx) })
	return g.Wait()
}

// follow reads what others have changed as soon as this peer has applied it.
func (r *Registry) follow(ctx context.Context) error {
	for seen := uint64(0); ; {
		var err error
		if seen, err = r.values.NextValues(ctx, space, seen); err == nil {
			_, err = r.read(ctx, time.Time{})
		}
		switch {
		case ctx.Err() != nil || errors.Is(err, consensus.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("follow the credentials of the cluster: %w", err)
		}
	}
}

// renew asks again when a request has found that the trust is half over.
func (r *Registry) renew(ctx context.Context) error {
	for {
		select {
		case <-r.aged:
		case <-ctx.Done():
			return nil
		}
		if _, err := r.ask(ctx); err != nil && ctx.Err() == nil {
			r.logger.Debug("the credentials of the cluster are not confirmed", "error", err)
		}
	}
}

// here returns what this peer knows, which may be old.
func (r *Registry) here() *book { return r.known.Load().book }

// current returns credentials among which none is that was revoked before the call. The error says that this peer cannot
// tell.
func (r *Registry) current(ctx context.Context) (*book, error) {
	k, now := r.known.Load(), r.now()
	if !within(k.since, now, trust) {
		return r.ask(ctx)
	}
	if !within(k.since, now, trust/2) {
		select {
		case r.aged <- struct{}{}:
		default:
		}
	}
	return k.book, nil
}

// within tells whether no more than d has passed since then, by both clocks: one stands still while a machine is
// suspended, the other may be set.
func within(since, now time.Time, d time.Duration) bool {
	if since.IsZero() {
		return false
	}
	passed, shown := now.Sub(since), now.Round(0).Sub(since.Round(0))
	return passed < d && shown < d && shown >= 0
}

// ask learns everything that was acknowledged before the call.
func (r *Registry) ask(ctx context.Context) (*book, error) {
	since := r.now()
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	if err := r.values.Barrier(ctx); err != nil {
		return nil, fmt.Errorf("ask for the credentials of the cluster: %w", err)
	}
	return r.read(ctx, since)
}

// read takes over what this peer has applied, known since then.
func (r *Registry) read(ctx context.Context, since time.Time) (*book, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := known{book: r.here(), since: r.known.Load().since}
	if since.After(next.since) {
		next.since = since
	}
	at, err := r.changed()
	if err != nil {
		return nil, err
	}
	if at > r.seen {
		values, err := r.values.Values(consensus.WithStale(ctx), prefix)
		if err != nil {
			return nil, fmt.Errorf("read the credentials of the cluster: %w", err)
		}
		var faults []error
		if next.book, faults = newBook(values); len(faults) > 0 {
			r.logger.Warn("some credentials of the cluster cannot be read", "error", errors.Join(faults...))
		}
		r.seen = at
	}
	before := r.here()
	r.known.Store(&next)
	if next.book != before {
		r.running.cut(next.book, r.now())
	}
	return next.book, nil
}

// changed returns the entry that last changed a credential here, or one that was read already. It does not wait.
func (r *Registry) changed() (uint64, error) {
	past, cancel := context.WithCancel(context.Background())
	cancel()
	at, err := r.values.NextValues(past, space, r.seen)
	if errors.Is(err, context.Canceled) {
		return r.seen, nil
	}
	return at, err
}
