package proxy

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// restBuffer is how many items of a stream may wait for a slow client.
const restBuffer = 1024

const restStreamError = "X-Stream-Error"

// fail answers with the status of err and the API's error body. It is the only place where the REST API logs.
func (a *rest) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := errorStatus(err)
	level := a.Logger.Debug
	if status >= http.StatusInternalServerError && r.Context().Err() == nil {
		level = a.Logger.Warn
	}
	level("REST request failed", "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	restError(w, status, err)
}

func restError(w http.ResponseWriter, status int, err error) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfterSeconds)
	}
	restJSON(w, status, api.Error{Code: status, Message: err.Error()})
}

// reply answers with err if there is one, else with 200 and v.
func (a *rest) reply(w http.ResponseWriter, r *http.Request, v any, err error) {
	if err != nil {
		a.fail(w, r, err)
		return
	}
	restJSON(w, http.StatusOK, v)
}

func restJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) //nolint:errcheck // the client has gone; nobody is left to tell
}

func restEmpty(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNoContent)
}

// restStream answers with one JSON object a line for each item that produce sends and show keeps. Before the first
// line errors become a plain error response, and no item at all becomes 204; later the status is out, and errors go
// into the trailer X-Stream-Error. produce may close the channel or leave it; restStream returns only after it did.
func restStream[T any](a *rest, w http.ResponseWriter, r *http.Request,
	produce func(context.Context, chan<- T) error, show func(T) (any, bool),
) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := make(chan T, restBuffer)
	done := make(chan error, 1)
	go func() { done <- produce(ctx, out) }()

	w.Header().Set("Trailer", restStreamError)
	lines := restLines{w: w, enc: json.NewEncoder(w)}
	err := restDrain(out, done, func(item T) {
		if v, keep := show(item); keep && lines.err == nil {
			lines.write(v, len(out) == 0)
			if lines.err != nil {
				cancel() // the client has gone: stop the producer, but keep taking what it still sends
			}
		}
	})
	switch {
	case lines.sent == 0 && err != nil:
		a.fail(w, r, err)
	case lines.sent == 0:
		restEmpty(w)
	default:
		// The trailer is set even without errors because browsers only see trailers that are there.
		w.Header().Set(restStreamError, "")
		for _, e := range restSplit(err) {
			w.Header().Add(restStreamError, e.Error())
		}
		if err != nil {
			a.Logger.Warn("REST stream failed", "method", r.Method, "path", r.URL.Path, "sent", lines.sent, "error", err)
		}
	}
}

// restDrain hands every item to take until the producer has returned, and returns the producer's error.
func restDrain[T any](out <-chan T, done <-chan error, take func(T)) error {
	for {
		select {
		case item, open := <-out:
			if !open {
				return <-done
			}
			take(item)
		case err := <-done:
			for {
				select {
				case item, open := <-out:
					if !open {
						return err
					}
					take(item)
				default:
					return err
				}
			}
		}
	}
}

// restSplit returns the errors that errors.Join put together.
func restSplit(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// lineAppender is an item that writes its own JSON line.
type lineAppender interface {
	appendLine(b []byte) ([]byte, error)
}

// restLines writes a stream of JSON lines.
type restLines struct {
	w    http.ResponseWriter
	enc  *json.Encoder
	line []byte // of a lineAppender
	sent int
	err  error
}

// write sends one line. Flushing only when nothing else waits saves a system call an item on long lists.
func (l *restLines) write(v any, flush bool) {
	if l.sent == 0 {
		l.w.Header().Set("Content-Type", "application/json")
		l.w.WriteHeader(http.StatusOK)
	}
	l.sent++
	if l.err = l.encode(v); l.err == nil && flush {
		http.NewResponseController(l.w).Flush() //nolint:errcheck // not every writer can; the end flushes too
	}
}

func (l *restLines) encode(v any) (err error) {
	own, ok := v.(lineAppender)
	if !ok {
		return l.enc.Encode(v)
	}
	if l.line, err = own.appendLine(l.line[:0]); err != nil {
		return err
	}
	_, err = l.w.Write(l.line)
	return err
}

// restKeep shows every item as it is.
func restKeep[T any](item T) (any, bool) { return item, true }
