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
	refuse int // the status that the answer deserves if the command fails; 0: the command's own
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

// noteFailure remembers an error of the pinset that kubo's commands, which know no cluster, would report as a fault of the
// server although the same request may succeed a little later.
func noteFailure(ctx context.Context, err error) error {
	a, ok := ctx.Value(acksKey{}).(*acks)
	if status := errorStatus(err); ok && err != nil && status != http.StatusInternalServerError && status >= 500 {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.refuse = status
	}
	return err
}

// statusWriter turns kubo's 500 into the status that the pinset's error deserves.
type statusWriter struct {
	http.ResponseWriter
	acks *acks
}

func (w statusWriter) WriteHeader(status int) {
	w.acks.mu.Lock()
	refuse := w.acks.refuse
	w.acks.mu.Unlock()
	if status == http.StatusInternalServerError && refuse != 0 {
		status = refuse
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", retryAfterSeconds)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Flush implements http.Flusher, which kubo looks for.
func (w statusWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// Unwrap lets http.ResponseController reach what is below.
func (w statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// streamError is the trailer by which kubo reports an error after the first byte of an answer.
const streamError = "X-Stream-Error"

// withAcks ends each answer only when what the command pinned is held by enough peers. By then the status is sent, so
// a failure goes into the trailer that kubo's clients read.
func withAcks(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pending := &acks{}
		next.ServeHTTP(statusWriter{w, pending}, r.WithContext(context.WithValue(r.Context(), acksKey{}, pending)))
		if err := pending.wait(r.Context()); err != nil && w.Header().Get(streamError) == "" {
			w.Header().Set(streamError, err.Error())
		}
	})
}
