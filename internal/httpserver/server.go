// Package httpserver serves HTTP on a listener and stops in order, so that what the handlers use can be closed after it.
//
// Promise: when a server is told to end, requests in progress are finished, for a limited time; when Serve has returned,
// the port is free, no connection is open and no handler runs.
//
// Not promised: TLS, HTTP/2, and anything about connections that a handler has taken over.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// handlerGrace is how long handlers may take to end once their connection is cut.
const handlerGrace = 2 * time.Second

// Options say what to serve, and within which limits. Bodies have none: they may be of any size and take any time.
type Options struct {
	Name              string // what is served, for errors and logs
	Handler           http.Handler
	ReadHeaderTimeout time.Duration
	IdleTimeout       time.Duration // of a connection, until its next request
	MaxHeaderBytes    int
	Grace             time.Duration // how long requests may go on once Serve's context ends
	Logger            *slog.Logger
}

// Server answers the requests that come to one listener. Its methods may be called from any goroutine.
type Server struct {
	name     string
	listener net.Listener
	http     *http.Server
	running  handlers
	grace    time.Duration
	log      *slog.Logger

	base context.Context // of all requests; ends when they are cut
	cut  context.CancelFunc

	mu     sync.Mutex
	served chan struct{} // closed when Serve returns; nil before Serve
}

// New makes a server for the listener l, which it owns from then on; nothing is answered before Serve. One of Serve and
// Close must be called.
func New(l net.Listener, o Options) *Server {
	s := &Server{name: o.Name, listener: l, grace: o.Grace, log: o.Logger}
	s.base, s.cut = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           s.running.wrap(o.Handler),
		ReadHeaderTimeout: o.ReadHeaderTimeout,
		IdleTimeout:       o.IdleTimeout,
		MaxHeaderBytes:    o.MaxHeaderBytes,
		// Requests outlive the context given to Serve, so that a drain can finish them.
		BaseContext: func(net.Listener) context.Context { return s.base },
		ErrorLog:    slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	return s
}

// Addr is the listener's address.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers requests until ctx ends or Close is called, and blocks meanwhile. When ctx ends it refuses new
// connections, lets requests in progress finish for at most Options.Grace, cuts the rest, and returns nil. It may be
// called once. An error means that the listener failed, or that a handler did not end although its request was cut.
func (s *Server) Serve(ctx context.Context) error {
	served, err := s.begin()
	if err != nil {
		return err
	}
	defer close(served)
	var failure error
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		failure = s.http.Serve(s.listener)
	}()
	select {
	case <-accepting:
	case <-ctx.Done():
		s.drain()
	case <-s.base.Done():
	}
	told := ctx.Err() != nil || s.base.Err() != nil
	err = s.halt()
	<-accepting
	if !told {
		err = errors.Join(fmt.Errorf("serve %s on %s: %w", s.name, s.Addr(), failure), err)
	}
	return err
}

// begin notes that Serve runs, so that Close can wait for it.
func (s *Server) begin() (chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.served != nil {
		return nil, fmt.Errorf("serve %s on %s: already served", s.name, s.Addr())
	}
	s.served = make(chan struct{})
	return s.served, nil
}

func (s *Server) drain() {
	ctx, cancel := context.WithTimeout(s.base, s.grace)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.log.Warn("drain cut short", "server", s.name, "after", s.grace, "error", err)
	}
}

// halt cuts what is still open and waits for the handlers.
func (s *Server) halt() error {
	s.cut()
	err := s.http.Close()
	if !s.running.wait(handlerGrace) {
		return fmt.Errorf("stop %s on %s: %d requests still run %s after they were cut", s.name, s.Addr(), s.running.count(), handlerGrace)
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop %s on %s: %w", s.name, s.Addr(), err)
	}
	return nil
}

// Close stops serving at once (end Serve's context first for a drain), frees the port and waits until Serve has returned.
// It may be called more than once.
func (s *Server) Close() error {
	s.cut()
	err := s.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	s.mu.Lock()
	served := s.served
	s.mu.Unlock()
	if served != nil {
		<-served
	}
	if err != nil {
		return fmt.Errorf("close listener of %s: %w", s.name, err)
	}
	return nil
}
