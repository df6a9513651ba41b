package rpc

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/underlay/underlay/proxy/fault"
)

// acks collects, while a command runs, what its answer must wait for. Waiting inside the command would hold the node's
// pin lock, which the other peers may need before they can hold the pin.
type acks struct {
	mu     sync.Mutex
	awaits []func(context.Context) error
	atEnd  []func() // of the request, however it ends
	refuse int      // the status that the answer deserves if the command fails; 0: the command's own
	adds   bool     // the command is an add, which stores whole DAGs
	pauses bool     // it is about to let a garbage collection pass
}

type acksKey struct{}

func acksOf(ctx context.Context) (*acks, bool) {
	a, ok := ctx.Value(acksKey{}).(*acks)
	return a, ok
}

// awaitLater makes the answer to the request of ctx wait, as long as ctx would allow. Outside a request there is nobody
// to answer.
func awaitLater(ctx context.Context, await func(context.Context) error) {
	a, ok := acksOf(ctx)
	if !ok {
		return
	}
	if deadline, ok := ctx.Deadline(); ok {
		inTime := await
		await = func(ctx context.Context) error {
			ctx, cancel := context.WithDeadline(ctx, deadline)
			defer cancel()
			return inTime(ctx)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.awaits = append(a.awaits, await)
}

// pending tells whether the answer has something to wait for.
func (a *acks) pending() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.awaits) > 0
}

func (a *acks) wait(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for _, await := range a.awaits {
		errs = append(errs, await(ctx))
	}
	return errors.Join(errs...)
}

// atEnd has f called when the request of ctx ends.
func atEnd(ctx context.Context, f func()) {
	if a, ok := acksOf(ctx); ok {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.atEnd = append(a.atEnd, f)
	}
}

// end gives back what was kept for the request.
func (a *acks) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.atEnd {
		f()
	}
}

// NoteFailure remembers an error of the cluster that kubo's commands, which know none, would report as a fault of the server
// although the same request may succeed a little later. ctx is that of the request; it returns err.
func NoteFailure(ctx context.Context, err error) error {
	a, ok := acksOf(ctx)
	if status := fault.Status(err); ok && err != nil && status != http.StatusInternalServerError && status >= 500 {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.refuse = status
	}
	return err
}

// refusal is the status that NoteFailure has found, or 0.
func (a *acks) refusal() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refuse
}
