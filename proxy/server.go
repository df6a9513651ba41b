package proxy

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/underlay/underlay/internal/httpserver"
)

// Limits of the private listeners.
const (
	readHeaderTimeout = 20 * time.Second
	idleTimeout       = 75 * time.Second // above a load balancer's own, or it meets closed connections
	maxHeaderBytes    = 1 << 20          // as kubo: many arguments make a long URL
)

// NewServer makes a server that answers with handler on l, which it owns from then on, and speaks TLS there unless conf is
// nil. grace bounds how long its Serve waits at its end for requests that run.
func NewServer(l net.Listener, conf *tls.Config, handler http.Handler, grace time.Duration, logger *slog.Logger) *httpserver.Server {
	return httpserver.New(l, httpserver.Options{
		Name:              "the API",
		Handler:           handler,
		TLS:               conf,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		Grace:             grace,
		Logger:            logger,
	})
}

// Handler serves the RPC API under /api/v0/, the pinning service API under /psa/, the console under /ui/ and the REST API
// everywhere else.
func Handler(rpc, psa, console, rest http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/v0/", rpc)
	mux.Handle("/psa/", http.StripPrefix("/psa", psa))
	mux.Handle("/ui/", console)
	mux.Handle("/", rest)
	return mux
}
