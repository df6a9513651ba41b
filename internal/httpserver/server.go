// Package httpserver serves HTTP on a listener and stops in order: no request is lost on the way, and what the handlers use
// can be closed afterwards.
//
// Promise: a server that is told to end answers the requests that run, those on connections that wait to be accepted, and
// those that clients send on open connections before they can know, all within a limited time. Then it refuses. When Serve
// has returned the port is free, no connection is open and no handler runs.
//
// http.Server.Shutdown alone does not promise that: it closes idle connections while requests are on their way to them, and
// the listener while connections wait.
//
// Not promised: anything about connections that a handler has taken over.
package httpserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// handlerGrace is how long handlers may take to end once their connection is cut.
	handlerGrace = 2 * time.Second
	// drainStep is how often a drain looks at the connections.
	drainStep = 5 * time.Millisecond
	// streams is how many requests a client may have in progress on one connection of HTTP/2.
	streams = 128
)

// Options say what to serve, and within which limits. The bodies of requests have none: they may be of any size and take any
// time.
type Options struct {
	Name              string // what is served, for errors and logs
	Handler           http.Handler
	TLS               *tls.Config // nil: none is spoken
	ClearHTTP2        bool        // HTTP/2 is spoken, without TLS, with clients that begin with it
	ReadHeaderTimeout time.Duration
	IdleTimeout       time.Duration // of a connection, until its next request
	MaxHeaderBytes    int
	WriteTimeout      time.Duration // for an answer, unless its handler sets another deadline; 0: none
	Connections       Bounds
	Grace             time.Duration // how long requests may go on once Serve's context ends
	Logger            *slog.Logger
}

// Server answers the requests that come to one listener. Its methods may be called from any goroutine.
type Server struct {
	name     string
	listener listener
	accepts  net.Listener // what comes from listener, with TLS if that is spoken
	http     *http.Server
	conns    *connections
	clear2   *clear2
	running  handlers
	draining atomic.Bool
	grace    time.Duration
	log      *slog.Logger

	base    context.Context // of all requests; ends after their connections
	cut     context.CancelFunc
	closing context.Context // ends with Close
	close   context.CancelFunc

	mu     sync.Mutex
	served chan struct{} // closed when Serve returns; nil before Serve
}

// New makes a server for the listener l, which it owns from then on; nothing is answered before Serve. One of Serve and
// Close must be called. The connections that l accepts must be comparable, as pointers are. l should come from Listen.
func New(l net.Listener, o Options) *Server {
	s := &Server{name: o.Name, listener: listener{l}, conns: newConnections(), grace: o.Grace, log: o.Logger}
	crowd := newCrowd(o.Connections)
	if s.accepts = newGathered(bounded{s.listener, crowd}); o.TLS != nil {
		s.accepts = tls.NewListener(bounded{s.listener, crowd}, o.TLS)
	}
	s.base, s.cut = context.WithCancel(context.Background())
	s.closing, s.close = context.WithCancel(context.Background())
	handler := crowd.wrap(s.lastWhenDraining(o.Handler))
	s.clear2 = &clear2{conns: s.conns, servers: make(map[*http.Server]bool), configure: func() *http.Server {
		return s.configure(o, crowd, handler)
	}}
	if o.ClearHTTP2 {
		s.http = s.configure(o, crowd, s.clear2.wrap(handler))
	} else {
		s.http = s.configure(o, crowd, handler)
	}
	s.http.ConnState = s.changed
	return s
}

// configure makes what answers requests within the limits of the options.
func (s *Server) configure(o Options, crowd *crowd, handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           s.running.wrap(handler),
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return crowd.connContext(withConn(ctx, c), c) },
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streams, WriteByteTimeout: o.WriteTimeout},
		ReadHeaderTimeout: o.ReadHeaderTimeout,
		IdleTimeout:       o.IdleTimeout,
		MaxHeaderBytes:    o.MaxHeaderBytes,
		WriteTimeout:      o.WriteTimeout,
		// Requests outlive the context given to Serve, so that a drain can finish them.
		BaseContext: func(net.Listener) context.Context { return s.base },
		ErrorLog:    slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
}

// changed notes a connection's state, as http.Server.ConnState. What an answer has left to be sent goes out at its end.
func (s *Server) changed(c net.Conn, state http.ConnState) {
	if held, ok := c.(*conn); ok && state == http.StateIdle {
		_ = held.release() // the next read fails too
	}
	s.conns.changed(c, state)
}

// Addr is the listener's address.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// lastWhenDraining tells clients of a server that drains to send no more requests on the connection.
func (s *Server) lastWhenDraining(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// Draining tells whether the server has been told to end.
func (s *Server) Draining() bool { return s.draining.Load() }

// Serve answers requests until ctx ends or Close is called, and blocks meanwhile. When ctx ends it accepts who has
// connected and refuses others, answers what runs or still comes for at most Options.Grace, cuts the rest, and returns nil.
// It may be called once. An error means that the listener failed, or that a handler did not end although its request was
// cut.
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
		failure = s.http.Serve(s.accepts)
	}()
	select {
	case <-accepting:
	case <-ctx.Done():
		s.drain(accepting)
	case <-s.closing.Done():
	}
	told := ctx.Err() != nil || s.closing.Err() != nil
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

// drain ends the listener and waits until no connection is open, at most for the grace period or until Close.
func (s *Server) drain(accepting <-chan struct{}) {
	ctx, cancel := context.WithTimeout(s.closing, s.grace)
	defer cancel()
	began := time.Now()
	s.draining.Store(true)
	if err := s.listener.end(); err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Warn("end of listener", "server", s.name, "error", err)
		return
	}
	select {
	case <-accepting:
	case <-ctx.Done():
	}
	s.clear2.sayGoodbye()
	tick := time.NewTicker(drainStep)
	defer tick.Stop()
	for open := s.conns.closeQuiet(began); open > 0; open = s.conns.closeQuiet(began) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.log.Warn("drain cut short", "server", s.name, "after", time.Since(began), "connections", open)
			return
		}
	}
}

// halt cuts what is still open and waits for the handlers. They must not see that before their connection is closed: what
// they have written so far would look complete.
func (s *Server) halt() error {
	err := s.http.Close()
	s.clear2.close()
	s.cut()
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
	s.close()
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
