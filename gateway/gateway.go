package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ipfs/boxo/exchange"
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

	// Held, if given, is asked for the blocks that the node does not have, in place of the node's own exchange: the gateway
	// then serves what the cluster holds, and answers 404 for all else without looking for it elsewhere.
	Held exchange.Interface

	// LandingPage is what is at /: a file with HTML, or a URL to redirect to. Empty takes the node's Gateway.RootRedirect, and
	// without that a page of ours.
	LandingPage string
	// RobotsFile is served as /robots.txt. Empty: crawlers are asked to leave content alone.
	RobotsFile string

	// RetrievalTimeout bounds the wait for the first byte, and between bytes, of a response. 0 takes the node's
	// Gateway.RetrievalTimeout.
	RetrievalTimeout time.Duration
	// MaxConcurrentRequests is the number of requests in progress above which further ones get 429. 0 takes the
	// node's Gateway.MaxConcurrentRequests.
	MaxConcurrentRequests int
	// ShutdownTimeout is how long responses in progress may go on once Serve's context ends; 0 means 5 s.
	ShutdownTimeout time.Duration

	Metrics prometheus.Registerer // where boxo's gateway metrics go; nil keeps them to this gateway
	Logger  *slog.Logger          // nil discards
}

// Gateway is a listening public gateway. Its methods may be called from any goroutine.
type Gateway struct {
	server  *httpserver.Server
	handler atomic.Pointer[http.Handler]
	ready   readiness
	log     *slog.Logger
}

// New makes a gateway for the listener l, which it owns from then on. Until Open has been called it answers that it is
// alive and that it starts; nothing is answered before Serve. The caller must call Close, also after Serve returned. Of the
// options it looks at ShutdownTimeout and Logger alone.
func New(l net.Listener, o Options) *Gateway {
	o = o.withDefaults()
	g := &Gateway{log: o.Logger}
	g.ready.set(starting)
	g.use(g.ready.answer(http.HandlerFunc(notYet)))
	g.server = httpserver.New(l, httpserver.Options{
		Name:              "gateway",
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*g.handler.Load()).ServeHTTP(w, r) }),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		Grace:             o.ShutdownTimeout,
		Logger:            o.Logger,
	})
	return g
}

// Open makes a gateway for the listener l that has its content from the beginning, as New and Gateway.Open do. It owns the
// listener also when it fails.
func Open(o Options, l net.Listener) (*Gateway, error) {
	g := New(l, o)
	if err := g.Open(o); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// Open makes the gateway serve the content of the options' node. It may be called once, also while the gateway serves.
// Close must be called before the node is closed.
func (g *Gateway) Open(o Options) error {
	if o.Node == nil {
		return errors.New("open gateway: no node given")
	}
	handler, err := newHandler(o.withDefaults(), &g.ready)
	if err != nil {
		return fmt.Errorf("prepare gateway on %s: %w", g.Addr(), err)
	}
	g.use(handler)
	g.ready.clear(starting)
	return nil
}

func (g *Gateway) use(h http.Handler) { g.handler.Store(&h) }

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ShutdownTimeout <= 0 {
		o.ShutdownTimeout = defaultShutdownTimeout
	}
	return o
}

// Addr is the address in use, with the real port when the options asked for port 0.
func (g *Gateway) Addr() net.Addr { return g.server.Addr() }

// Drain makes /readyz answer 503 from now on, so that load balancers look elsewhere; all else is still served. It does not
// block.
func (g *Gateway) Drain() { g.ready.set(draining) }

// Serve answers requests until ctx ends or Close is called, and blocks meanwhile. When ctx ends it drains, refuses new
// connections, answers what runs or still comes on open ones for at most Options.ShutdownTimeout, cuts the rest, and
// returns nil. It may be called once. An error means that the listener failed, or that a handler did not end although its request was cut.
func (g *Gateway) Serve(ctx context.Context) error {
	g.log.Info("gateway serving", "address", g.Addr().String())
	defer context.AfterFunc(ctx, g.Drain)()
	err := g.server.Serve(ctx)
	g.log.Info("gateway stopped")
	return err
}

// Close stops serving at once (cancel Serve's context first for a drain), frees the port and waits until Serve has
// returned. It may be called more than once.
func (g *Gateway) Close() error { return g.server.Close() }
