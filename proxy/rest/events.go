package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/event"
	"github.com/underlay/underlay/proxy/fault"
)

const (
	// eventPulse is how often a silent stream shows that it lives: proxies cut those that do not.
	eventPulse = 15 * time.Second
	// eventStall is how long a client may take nothing.
	eventStall = 30 * time.Second
)

// Events is what GET /events needs of the peer.
type Events interface {
	// FollowEvents calls emit with what happens, from one goroutine, until ctx ends or emit fails.
	FollowEvents(ctx context.Context, after *consensus.Position, emit func(event.Event) error) error
}

// events streams what happens in the cluster as server-sent events (HTML standard, section 9.2). since, or the header
// Last-Event-ID that a browser sends when it comes back, names the event to go on behind: the ID of an event, or the index
// of a log entry. type narrows the stream down. 410 says that the peer no longer knows what came next.
func (a *handlers) events(w http.ResponseWriter, r *http.Request) {
	after, err := position(r)
	if err == nil {
		err = checkTypes(r)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if a.Ending != nil {
		defer context.AfterFunc(a.Ending, cancel)()
	}
	stream := &eventStream{w: w, types: r.URL.Query().Get("type")}
	defer http.NewResponseController(w).SetWriteDeadline(time.Time{}) //nolint:errcheck // the next request has none
	defer stream.beat(ctx, cancel)()
	err = a.Events.FollowEvents(ctx, after, stream.emit)
	switch {
	case stream.begun() && ctx.Err() == nil:
		stream.fail(err) // the client comes back, and goes on or learns that it cannot
	case stream.begun():
	case errors.Is(err, consensus.ErrForgotten):
		a.fail(w, r, fault.With(http.StatusGone, fmt.Errorf("%w: list the pins, and follow from now on", err)))
	default:
		a.fail(w, r, err)
	}
}

// position reads where to begin; nil is now.
func position(r *http.Request) (*consensus.Position, error) {
	since := r.URL.Query().Get("since")
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		since = id
	}
	if since == "" {
		return nil, nil
	}
	index, count, within := strings.Cut(since, "-")
	n, err := strconv.ParseUint(index, 10, 64)
	p := consensus.Behind(n)
	if within && err == nil {
		p.Count, err = strconv.ParseUint(count, 10, 64)
	}
	if err != nil {
		return nil, badRequest("parameter since invalid: %q is neither the ID of an event nor the index of a log entry", since)
	}
	return &p, nil
}

func checkTypes(r *http.Request) error {
	types := r.URL.Query().Get("type")
	if types == "" {
		return nil
	}
	for t := range strings.SplitSeq(types, ",") {
		switch t {
		case event.Pinned, event.Unpinned, event.Status, event.Membership:
		default:
			return badRequest("parameter type invalid: %q is no type of events", t)
		}
	}
	return nil
}

// eventStream writes events to one client.
type eventStream struct {
	w     http.ResponseWriter
	types string // wanted, separated by commas; empty: all

	mu      sync.Mutex
	started bool
}

func (s *eventStream) begun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started
}

// emit writes an event if it is wanted.
func (s *eventStream) emit(e event.Event) error {
	if e.Type != event.Start && s.types != "" && !strings.Contains(","+s.types+",", ","+e.Type+",") {
		return nil
	}
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	text := fmt.Sprintf("event: %s\ndata: %s\n\n", e.Type, data)
	if e.ID != "" {
		text = "id: " + e.ID + "\n" + text
	}
	return s.write(text, true)
}

func (s *eventStream) fail(err error) {
	data, _ := json.Marshal(map[string]string{"message": err.Error()}) // a string always can be
	_ = s.write(fmt.Sprintf("event: error\ndata: %s\n\n", data), true) // the client has gone if this fails
}

// write sends a text at once; only an event begins the stream.
func (s *eventStream) write(text string, begins bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started && !begins {
		return nil
	}
	if !s.started {
		s.started = true
		s.w.Header().Set("Content-Type", "text/event-stream")
		s.w.Header().Set("Cache-Control", "no-store")
		s.w.Header().Set("X-Accel-Buffering", "no") // nginx would keep events back
		s.w.WriteHeader(http.StatusOK)
	}
	control := http.NewResponseController(s.w)
	if err := control.SetWriteDeadline(time.Now().Add(eventStall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := io.WriteString(s.w, text); err != nil {
		return err
	}
	return control.Flush()
}

// beat shows now and then that the stream lives, and calls gone when the client takes nothing more. It ends with ctx;
// the returned function waits for that.
func (s *eventStream) beat(ctx context.Context, gone func()) (wait func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(eventPulse)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if s.write(": still here\n\n", false) != nil {
					gone()
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}
