package gateway

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// Why a gateway is not ready.
const (
	starting uint32 = 1 << iota
	draining
)

// readiness is what load balancers are told: whether this gateway wants requests. It depends on nothing but this process;
// immutable content stays available without the other peers.
type readiness struct{ reasons atomic.Uint32 }

func (r *readiness) set(reason uint32)   { r.reasons.Or(reason) }
func (r *readiness) clear(reason uint32) { r.reasons.And(^reason) }

// why is empty when the gateway is ready.
func (r *readiness) why() string {
	var reasons []string
	now := r.reasons.Load()
	if now&starting != 0 {
		reasons = append(reasons, "starting: the node is not open yet")
	}
	if now&draining != 0 {
		reasons = append(reasons, "draining: this peer is about to stop")
	}
	return strings.Join(reasons, "\n")
}

// answer serves /healthz, which says that the process is alive, and /readyz ahead of next. On the host names of content
// these paths belong to the content.
func (r *readiness) answer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch path := req.URL.Path; {
		case path != "/healthz" && path != "/readyz", isContentHost(effectiveHost(req)):
			next.ServeHTTP(w, req)
		case path == "/healthz":
			writeHealth(w, req, "")
		default:
			writeHealth(w, req, r.why())
		}
	})
}

func writeHealth(w http.ResponseWriter, r *http.Request, problem string) {
	if !readOnly(w, r) {
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if problem != "" {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, problem+"\n") //nolint:errcheck // the client has gone; nobody is left to tell
		return
	}
	io.WriteString(w, "ok\n") //nolint:errcheck // as above
}

// notYet answers what is asked of a gateway that has no content yet.
func notYet(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "1")
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "this peer is starting", http.StatusServiceUnavailable)
}
