// Package health answers what load balancers and supervisors ask of a listener: GET /healthz, whether the process is alive, and
// GET /readyz, whether it wants requests.
//
// The answers are 200 with "ok", or 503 with the reason, and nobody keeps them.
package health

import (
	"io"
	"net/http"
)

// Handler answers /healthz and /readyz, and leaves all else to next. ready says why no requests are wanted; nil: they are. It
// may be asked by many goroutines at once, and often, so it should not block.
func Handler(ready func() error, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
			write(w, r, nil)
		case "/readyz":
			write(w, r, ready())
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func write(w http.ResponseWriter, r *http.Request, problem error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are allowed here", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if problem != nil {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, problem.Error()+"\n") //nolint:errcheck // the client has gone; nobody is left to tell
		return
	}
	io.WriteString(w, "ok\n") //nolint:errcheck // as above
}
