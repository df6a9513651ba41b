package rest

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/underlay/underlay/proxy/fault"
)

// buffer is how many items of a stream may wait for a slow client.
const buffer = 1024

// fail answers with the status of err and the API's error body. It is the only place where the REST API logs.
func (a *handlers) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := fault.Status(err)
	level := a.Logger.Debug
	if status >= http.StatusInternalServerError && r.Context().Err() == nil {
		level = a.Logger.Warn
	}
	level("REST request failed", "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	fault.WriteREST(w, status, err)
}

// reply answers with err if there is one, else with 200 and v.
func (a *handlers) reply(w http.ResponseWriter, r *http.Request, v any, err error) {
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) //nolint:errcheck // the client has gone; nobody is left to tell
}

func writeEmpty(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNoContent)
}

// writeStream answers with one JSON object a line for each item that produce sends and show keeps. Before the first
// line errors become a plain error response, and no item at all becomes 204; later the status is out, and errors go
// into the trailer X-Stream-Error. produce may close the channel or leave it; writeStream returns only after it did.
func writeStream[T any](a *handlers, w http.ResponseWriter, r *http.Request,
	produce func(context.Context, chan<- T) error, show func(T) (any, bool),
) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := make(chan T, buffer)
	done := make(chan error, 1)
	go func() { done <- produce(ctx, out) }()

	w.Header().Set("Trailer", fault.StreamError)
	lines := lineWriter{w: w, enc: json.NewEncoder(w)}
	err := drain(out, done, func(item T) {
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
		writeEmpty(w)
	default:
		// The trailer is set even without errors because browsers only see trailers that are there.
		w.Header().Set(fault.StreamError, "")
		for _, e := range split(err) {
			w.Header().Add(fault.StreamError, e.Error())
		}
		if err != nil {
			a.Logger.Warn("REST stream failed", "method", r.Method, "path", r.URL.Path, "sent", lines.sent, "error", err)
		}
	}
}

// drain hands every item to take until the producer has returned, and returns the producer's error.
func drain[T any](out <-chan T, done <-chan error, take func(T)) error {
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

// split returns the errors that errors.Join put together.
func split(err error) []error {
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

// lineWriter writes a stream of JSON lines.
type lineWriter struct {
	w    http.ResponseWriter
	enc  *json.Encoder
	line []byte // of a lineAppender
	sent int
	err  error
}

// write sends one line. Flushing only when nothing else waits saves a system call an item on long lists.
func (l *lineWriter) write(v any, flush bool) {
	if l.sent == 0 {
		l.w.Header().Set("Content-Type", "application/json")
		l.w.WriteHeader(http.StatusOK)
	}
	l.sent++
	if l.err = l.encode(v); l.err == nil && flush {
		http.NewResponseController(l.w).Flush() //nolint:errcheck // not every writer can; the end flushes too
	}
}

func (l *lineWriter) encode(v any) (err error) {
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

// keep shows every item as it is.
func keep[T any](item T) (any, bool) { return item, true }
