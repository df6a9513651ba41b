package consensus

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/underlay/underlay/consensus/pinset"
	"github.com/underlay/underlay/internal/request"
)

// batcher puts waiting calls into entries and sees each entry through: a few
// workers take turns, so a call that meets an idle batcher leaves at once, and
// under load the calls that pile up behind the entries in flight share one.
type batcher struct {
	client  pinset.ClientID
	queue   *queue
	window  *window
	maxOps  int
	timeout time.Duration
	observe func(operations float64)
	// propose sees one entry through to its outcome.
	propose func(ctx context.Context, entry []byte, of requests) (proposal, error)
	// leader waits until proposing makes sense.
	leader func(ctx context.Context) error

	ctx     context.Context // ends entries in flight
	cancel  context.CancelFunc
	workers sync.WaitGroup
}

// start runs the workers. close must be called.
func (b *batcher) start(inFlight int) {
	// Reading randomness never fails on the systems we support.
	_, _ = rand.Read(b.client[:])
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.window = newWindow()
	for range inFlight {
		b.workers.Add(1)
		go b.work()
	}
}

func (b *batcher) work() {
	defer b.workers.Done()
	for {
		select {
		case <-b.queue.wake:
		case <-b.queue.closing:
			return
		}
		// Calls stay in the queue, where they can be withdrawn, until there is
		// somebody to send them to.
		if err := b.leader(b.ctx); err != nil {
			b.queue.signal()
			continue // closing, or still no leader
		}
		if calls, ops := b.queue.take(b.maxOps, batchBytes); len(calls) > 0 {
			b.send(calls, ops)
		}
	}
}

// send proposes one entry and gives every call its share of the outcome.
func (b *batcher) send(calls []*call, ops int) {
	b.observe(float64(ops))
	seq := b.window.begin()
	defer b.window.end(seq)
	bodies, of := make([][]byte, len(calls)), make(requests, len(calls))
	for i, c := range calls {
		bodies[i], of[i] = c.body, c.of
	}
	w := of.begin("propose")
	ctx, cancel := context.WithTimeout(b.ctx, b.timeout)
	defer cancel()
	var errs []error
	o, err := b.propose(ctx, pinset.EncodeEntry(b.client, seq, bodies...), w.of)
	if err == nil {
		errs, err = pinset.UnpackResults(o.packed, ops)
	}
	w.end(err)
	for _, c := range calls {
		if err != nil {
			c.done <- callResult{err: err}
			continue
		}
		c.done <- callResult{commit: Commit{Index: o.index, Errs: errs[:c.count:c.count]}}
		errs = errs[c.count:]
	}
}

// close fails the waiting calls, lets the entries in flight end until ctx does,
// and waits for the workers.
func (b *batcher) close(ctx context.Context) {
	b.queue.close()
	if err := waitGroup(ctx, &b.workers); err != nil {
		b.cancel()
		b.workers.Wait()
	}
	b.cancel()
}

// window gives out sequences, and holds the newest back while an entry that is
// a whole client window older is still unfinished: its outcome would be
// forgotten.
type window struct {
	mu     sync.Mutex
	ended  *sync.Cond
	next   uint64
	active map[uint64]struct{}
}

func newWindow() *window {
	w := &window{next: 1, active: make(map[uint64]struct{})}
	w.ended = sync.NewCond(&w.mu)
	return w
}

func (w *window) begin() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.full() {
		w.ended.Wait()
	}
	seq := w.next
	w.next++
	w.active[seq] = struct{}{}
	return seq
}

func (w *window) full() bool {
	for seq := range w.active {
		if pinset.Expired(w.next, seq) {
			return true
		}
	}
	return false
}

func (w *window) end(seq uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.active, seq)
	w.ended.Broadcast()
}

// Commit is what Consensus.Commit achieved.
type Commit struct {
	// Index of the log entry that holds the operations.
	Index uint64
	// Errs has one result for each operation, nil for success. An unpin of a
	// CID that is not pinned yields state.ErrNotFound, a condition that does
	// not hold ErrConflict.
	Errs []error
}

// Commit changes the pinset, on behalf of any goroutine of any peer. All
// operations of one call land in one log entry, in order. It returns when the
// entry is committed on a majority and applied on this peer, so that a read of
// Local sees it. It waits for a leader as long as ctx and CommitTimeout allow.
//
// With ErrNoLeader, ErrNotMember, ErrOverloaded, ErrDiskFull, ErrInvalid, ErrClosed or ctx's
// error alone nothing was changed. ErrUnknownOutcome, which may be joined with one of the
// others, means that the operations may or may not happen. Operations can fail
// by themselves: see Commit.Errs.
func (c *Consensus) Commit(ctx context.Context, ops ...Op) (Commit, error) {
	return c.commit(ctx, false, ops)
}

// CommitAtomic is Commit with one difference: when one of the operations fails,
// by its condition or because it unpins an absent CID, none takes effect. Those
// that would have succeeded then have the result ErrNotApplied.
func (c *Consensus) CommitAtomic(ctx context.Context, ops ...Op) (Commit, error) {
	return c.commit(ctx, true, ops)
}

// Propose is Commit without the wait for this peer: when it returns, the entry is
// committed on a majority and applied on the leader. So every read after a
// Barrier sees it, on any peer, but Local may not yet.
func (c *Consensus) Propose(ctx context.Context, ops ...Op) (Commit, error) {
	return c.decide(ctx, false, ops)
}

func (c *Consensus) commit(ctx context.Context, atomic bool, ops []Op) (Commit, error) {
	r, err := c.decide(ctx, atomic, ops)
	if err != nil {
		return Commit{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.CommitTimeout)
	defer cancel()
	ctx, span := request.Start(ctx, "wait until applied")
	err = c.machine.WaitApplied(ctx, r.Index)
	span.Done(err)
	if err != nil {
		return Commit{}, fmt.Errorf("%w: committed as entry %d, but not applied here: %w", ErrUnknownOutcome, r.Index, err)
	}
	return r, nil
}

// decide has the operations committed, and counts how that ended.
func (c *Consensus) decide(ctx context.Context, atomic bool, ops []Op) (_ Commit, err error) {
	ctx, span := request.Start(ctx, "commit")
	defer func() { span.Done(err) }()
	if len(ops) == 0 {
		return Commit{Index: c.Applied()}, nil
	}
	began := time.Now()
	done, err := c.enqueue(ctx, atomic, ops)
	c.counters.end(len(ops), done, err)
	if err == nil {
		c.opts.Observe.Commit(time.Since(began).Seconds())
	}
	return done, err
}

func (c *Consensus) enqueue(ctx context.Context, atomic bool, ops []Op) (Commit, error) {
	if err := c.outside(); err != nil {
		return Commit{}, err
	}
	if c.disk.refuses(func() bool { return !slices.ContainsFunc(ops, func(o Op) bool { return !o.Removes() }) }) {
		return Commit{}, fmt.Errorf("%w on this peer", ErrDiskFull)
	}
	account, counts := AccountOf(ctx)
	if counts {
		ops = c.charge(ctx, account, ops)
	}
	body, err := pinset.EncodeCall(atomic, ops...)
	if err != nil {
		return Commit{}, err
	}
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, c.opts.CommitTimeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return Commit{}, err
	}
	call := newCall(outer, len(ops), body)
	if err := c.batcher.queue.push(call); err != nil {
		return Commit{}, err
	}
	done, err := c.await(ctx, outer, call)
	if counts && err == nil {
		c.explain(ctx, account, ops, done)
	}
	return done, err
}

// await returns the call's result, or withdraws it when ctx ends.
func (c *Consensus) await(ctx, outer context.Context, call *call) (Commit, error) {
	select {
	case r := <-call.done:
		return r.commit, r.err
	case <-ctx.Done():
	}
	if c.batcher.queue.withdraw(call) {
		if err := outer.Err(); err != nil {
			return Commit{}, err
		}
		if leader, _ := c.leaders.refresh(); leader == "" {
			return Commit{}, ErrNoLeader
		}
		return Commit{}, fmt.Errorf("%w: not proposed in %v", ErrOverloaded, c.opts.CommitTimeout)
	}
	select {
	case r := <-call.done:
		return r.commit, r.err
	default:
		return Commit{}, fmt.Errorf("%w: %w", ErrUnknownOutcome, ctx.Err())
	}
}
