package proxy

import (
	"context"
	"errors"
	"net/http"
	"sync"
)

// acks collects, while a command runs, what its answer must wait for. Waiting inside the command would hold the node's
// pin lock, which the other peers may need before they can hold the pin.
type acks struct {
	mu     sync.Mutex
	awaits []func(context.Context) error
}

type acksKey struct{}

// awaitLater makes the answer to the request of ctx wait. Outside a request there is nobody to answer.
func awaitLater(ctx context.Context, await func(context.Context) error) {
	a, ok := ctx.Value(acksKey{}).(*acks)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.awaits = append(a.awaits, await)
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

// streamError is the trailer by which kubo reports an error after the first byte of an answer.
const streamError = "X-Stream-Error"

// withAcks ends each answer only when what the command pinned is held by enough peers. By then the status is sent, so
// a failure goes into the trailer that kubo's clients read.
func withAcks(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pending := &acks{}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), acksKey{}, pending)))
		if err := pending.wait(r.Context()); err != nil && w.Header().Get(streamError) == "" {
			w.Header().Set(streamError, err.Error())
		}
	})
}
