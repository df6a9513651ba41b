package httpserver

import (
	"net/http"
	"sync"
	"time"
)

// handlers counts the handlers that run. http.Server.Close does not wait for them, and what they use must not be closed
// under them. The zero value is ready.
type handlers struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n falls to 0; nil unless somebody waits
}

// wrap counts next while it runs.
func (h *handlers) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.add(1)
		defer h.add(-1)
		next.ServeHTTP(w, r)
	})
}

func (h *handlers) add(d int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n += d
	if h.n == 0 && h.idle != nil {
		close(h.idle)
		h.idle = nil
	}
}

// count is how many run now.
func (h *handlers) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n
}

// wait reports whether all handlers ended within d.
func (h *handlers) wait(d time.Duration) bool {
	h.mu.Lock()
	if h.n == 0 {
		h.mu.Unlock()
		return true
	}
	if h.idle == nil {
		h.idle = make(chan struct{})
	}
	idle := h.idle
	h.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-idle:
		return true
	case <-timer.C:
		return false
	}
}
