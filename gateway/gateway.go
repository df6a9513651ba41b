package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/kubo/core"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/underlay/underlay/internal/httpserver"
)

// Limits of the server that no deployment has needed to change.
const (
	readHeaderTimeout      = 10 * time.Second
	idleTimeout            = 75 * time.Second
	maxHeaderBytes         = 64 << 10
	defaultShutdownTimeout = 5 * time.Second
)

// Options say what to serve. Node is required.
type Options struct {
	Node *core.IpfsNode // the real node, with its local pinner; not closed here

	// NamesOver makes a name system that knows more than the given one, as the node's own does. It is needed when the
	// gateway has to make one of its own; nil: it knows no more.
	NamesOver func(namesys.NameSystem) namesys.NameSystem

	// RetrievalTimeout bounds the wait for the first byte, and between bytes, of a response. 0 takes the node's
	// Gateway.RetrievalTimeout.
	RetrievalTimeout time.Duration
	// MaxConcurrentRequests is the number of requests in progress above which further ones get 429. 0 takes the
	// node's Gateway.MaxConcurrentRequests.
	MaxConcurrentRequests int
	// CacheBytes is how much memory hot files may take. 0 means a sixteenth of the memory there is, and less than 0 that
	// nothing is kept.
	CacheBytes int64
	// ShutdownTimeout is how long responses in progress may go on once Serve's context ends; 0 means 5 s.
	ShutdownTimeout time.Duration

	Metrics prometheus.Registerer // where boxo's gateway metrics go; nil keeps them to this gateway
	Logger  *slog.Logger          // nil discards
}

// Gateway is a listening public gateway. Its methods may be called from any goroutine.
type Gateway struct {
	server   *httpserver.Server
	draining atomic.Bool
	log      *slog.Logger
}

// Open prepares the handler for the listener l, which it owns from then on, also when it fails; nothing is answered
// before Serve. The caller must call Close, also after Serve returned.
func Open(o Options, l net.Listener) (*Gateway, error) {
	if o.Node == nil {
		return nil, errors.Join(errors.New("open gateway: no node given"), l.Close())
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ShutdownTimeout <= 0 {
		o.ShutdownTimeout = defaultShutdownTimeout
	}
	g := &Gateway{log: o.Logger}
	handler, err := newHandler(o, g.isDraining)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare gateway on %s: %w", l.Addr(), err), l.Close())
	}
	g.server = httpserver.New(l, httpserver.Options{
		Name:              "gateway",
		Handler:           handler,
		ClearHTTP2:        true,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		Grace:             o.ShutdownTimeout,
		Logger:            o.Logger,
	})
	return g, nil
}

// Addr is the address in use, with the real port when the options asked for port 0.
func (g *Gateway) Addr() net.Addr { return g.server.Addr() }

// Drain makes /healthz answer 503 from now on, so that load balancers look elsewhere; all else is still served. It
// does not block.
func (g *Gateway) Drain() { g.draining.Store(true) }

func (g *Gateway) isDraining() bool { return g.draining.Load() || g.server.Draining() }

// Serve answers requests until ctx ends or Close is called, and blocks meanwhile. When ctx ends it refuses new
// connections, answers what runs or still comes on open ones for at most Options.ShutdownTimeout, cuts the rest, and
// returns nil. It may be called once. An error means that the listener failed, or that a handler did not end although its request was cut.
func (g *Gateway) Serve(ctx context.Context) error {
	g.log.Info("gateway serving", "address", g.Addr().String())
	err := g.server.Serve(ctx)
	g.log.Info("gateway stopped")
	return err
}

// Close stops serving at once (cancel Serve's context first for a drain), frees the port and waits until Serve has
// returned. It may be called more than once.
func (g *Gateway) Close() error { return g.server.Close() }
