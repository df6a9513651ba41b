package gateway

import (
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/underlay/underlay/internal/health"
)

// Why a gateway is not ready.
const (
	starting uint32 = 1 << iota
	draining
)

var (
	errStarting = errors.New("starting: the node is not open yet")
	errDraining = errors.New("draining: this peer is about to stop")
)

// readiness is what load balancers are told: whether this gateway wants requests. It depends on nothing but this process;
// immutable content stays available without the other peers.
type readiness struct{ reasons atomic.Uint32 }

func (r *readiness) set(reason uint32)   { r.reasons.Or(reason) }
func (r *readiness) clear(reason uint32) { r.reasons.And(^reason) }

// why is nil when the gateway is ready.
func (r *readiness) why() error {
	var reasons []error
	now := r.reasons.Load()
	if now&starting != 0 {
		reasons = append(reasons, errStarting)
	}
	if now&draining != 0 {
		reasons = append(reasons, errDraining)
	}
	return errors.Join(reasons...)
}

// answer serves /healthz and /readyz ahead of next. On the host names of content these paths belong to the content.
func (r *readiness) answer(next http.Handler) http.Handler {
	asked := health.Handler(r.why, next)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if isContentHost(req.Host) {
			next.ServeHTTP(w, req)
			return
		}
		asked.ServeHTTP(w, req)
	})
}

// notYet answers what is asked of a gateway that has no content yet.
func notYet(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "1")
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "this peer is starting", http.StatusServiceUnavailable)
}
