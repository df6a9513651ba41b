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

// Parts are what the listener of the private APIs serves. All are required.
type Parts struct {
	RPC     http.Handler // under /api/v0/
	Pinning http.Handler // the pinning service, under /psa/
	Console http.Handler // under /ui/
	Debug   http.Handler // what administrators look into a peer with, under /debug/
	Metrics http.Handler // what is told of this peer, under /metrics
	REST    http.Handler // everywhere else
}

// Handler serves the parts, each in its place.
func Handler(p Parts) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/v0/", p.RPC)
	mux.Handle("/psa/", http.StripPrefix("/psa", p.Pinning))
	mux.Handle("/ui/", p.Console)
	mux.Handle("/debug/", p.Debug)
	mux.Handle("/metrics", p.Metrics)
	mux.Handle("/metrics/", p.Metrics)
	mux.Handle("/", p.REST)
	return mux
}
