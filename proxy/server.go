package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/underlay/underlay/internal/inflight"
)

// Limits of the private listeners. Bodies have none: an add may be of any size and take any time.
const (
	readHeaderTimeout = 20 * time.Second
	idleTimeout       = 75 * time.Second // above a load balancer's own, or it meets closed connections
	maxHeaderBytes    = 1 << 20          // as kubo: many arguments make a long URL
	handlerGrace      = 2 * time.Second  // for handlers to end once their connection is cut
)

// Server is one private HTTP listener at work.
type Server struct {
	listener net.Listener
	server   *http.Server
	running  inflight.Tracker
	grace    time.Duration
}

// NewServer makes a server that answers with handler on l, which it owns once Serve is called. grace bounds how long
// Serve waits at its end for requests that run.
func NewServer(l net.Listener, handler http.Handler, grace time.Duration, logger *slog.Logger) *Server {
	s := &Server{listener: l, grace: grace}
	s.server = &http.Server{
		Handler:           s.running.Wrap(handler),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	return s
}

// Serve answers requests until ctx ends; then it stops accepting, waits for the requests that run, cuts what is left
// after the grace period, and returns nil.
func (s *Server) Serve(ctx context.Context) error {
	drained := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { drained <- s.drain() })
	err := s.server.Serve(s.listener)
	if stop() { // it failed by itself
		return fmt.Errorf("serve the API on %s: %w", s.listener.Addr(), err)
	}
	return <-drained
}

func (s *Server) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.grace)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.server.Close()
	}
	if err != nil {
		return fmt.Errorf("stop the API on %s: %w", s.listener.Addr(), err)
	}
	if !s.running.Wait(handlerGrace) {
		return fmt.Errorf("stop the API on %s: %d requests still run %s after they were cut", s.listener.Addr(), s.running.Count(), handlerGrace)
	}
	return nil
}

// Handler serves the RPC API under /api/v0/, the pinning service API under /psa/ and the REST API everywhere else.
func Handler(rpc, psa, rest http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/v0/", rpc)
	mux.Handle("/psa/", http.StripPrefix("/psa", psa))
	mux.Handle("/", rest)
	return mux
}
