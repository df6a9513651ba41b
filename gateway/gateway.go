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

	"github.com/underlay/underlay/gateway/policy"
	"github.com/underlay/underlay/internal/httpserver"
)

// Limits of the server that no deployment has needed to change.
const (
	readHeaderTimeout      = 10 * time.Second
	idleTimeout            = 75 * time.Second
	defaultShutdownTimeout = 5 * time.Second
)

// Options say what to serve. Node is required.
type Options struct {
	Node *core.IpfsNode // the real node, with its local pinner; not closed here

	// NamesOver makes a name system that knows more than the given one, as the node's own does. It is needed when the
	// gateway has to make one of its own; nil: it knows no more.
	NamesOver func(namesys.NameSystem) namesys.NameSystem

	// Hosts say what is served to requests for which host name, on top of the node's Gateway.PublicGateways. Names are in
	// lower case and without ports; see OtherHosts for those with a star.
	Hosts map[string]Host
	// RootRedirect is where / leads; empty takes the node's Gateway.RootRedirect.
	RootRedirect string
	// CodecConversion serves data in other codecs than it is stored in, as the node's Gateway.AllowCodecConversion does.
	CodecConversion bool
	// RoutingAPI serves /routing/v1 too, as the node's Gateway.ExposeRoutingAPI does.
	RoutingAPI bool
	// Held, if given, fetches the blocks that other members of the cluster hold, and no others. They count as cached.
	Held exchange.Interface
	// HeldOnly has the gateway serve what this node and Held have, and answer 404 for all else without looking for it elsewhere.
	HeldOnly bool

	// LandingPage is what is at /: a file with HTML. Empty takes RootRedirect, the node's Gateway.RootRedirect, and
	// without that a page of ours.
	LandingPage string
	// RobotsFile is served as /robots.txt. Empty: crawlers are asked to leave content alone.
	RobotsFile string

	Trust  Trust // who may say for whom it asks
	Limits Limits
	// CacheBytes is how much memory hot files may take. 0 means a sixteenth of the memory there is, and less than 0 that
	// nothing is kept.
	CacheBytes int64
	// ShutdownTimeout is how long responses in progress may go on once Serve's context ends; 0 means 5 s.
	ShutdownTimeout time.Duration

	// Policy says what is denied. It is not served here. Nil: nothing is.
	Policy *policy.Policy

	Metrics prometheus.Registerer // where boxo's gateway metrics go; nil keeps them to this gateway
	Logger  *slog.Logger          // nil discards
}

// Gateway is a listening public gateway. Its methods may be called from any goroutine.
type Gateway struct {
	server  *httpserver.Server
	handler atomic.Pointer[http.Handler]
	options atomic.Pointer[Options] // that hold
	ready   readiness
	log     *slog.Logger
}

// New makes a gateway for the listener l, which it owns from then on. Until Open has been called it answers that it is
// alive and that it starts; nothing is answered before Serve. The caller must call Close, also after Serve returned. Of the
// options it looks at Trust, Limits, ShutdownTimeout and Logger alone.
func New(l net.Listener, o Options) *Gateway {
	o = o.withDefaults()
	g := &Gateway{log: o.Logger}
	g.ready.set(starting)
	g.use(g.ready.answer(http.HandlerFunc(notYet)), o)
	g.server = httpserver.New(l, httpserver.Options{
		Name:              "gateway",
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*g.handler.Load()).ServeHTTP(w, r) }),
		ClearHTTP2:        true,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    o.Limits.HeaderBytes,
		WriteTimeout:      o.Limits.writeTimeout(),
		Connections:       g.connections(o.Limits),
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
	use, err := g.Replace(o)
	if err != nil {
		return err
	}
	use()
	g.ready.clear(starting)
	return nil
}

// Replace prepares other options, and returns what makes them hold for the requests that come from then on. What the gateway has
// in memory of hot files and of its clients begins anew. How many connections there may be, how large headers, and how long answers
// may take whose pace nobody watches, stays as New was told.
func (g *Gateway) Replace(o Options) (use func(), err error) {
	if o.Node == nil {
		return nil, errors.New("open gateway: no node given")
	}
	o = o.withDefaults()
	if o.Policy == nil {
		o.Policy = policy.Open(policy.Options{Logger: o.Logger})
	}
	handler, err := newHandler(o, &g.ready)
	if err != nil {
		return nil, fmt.Errorf("prepare gateway on %s: %w", g.Addr(), err)
	}
	return func() { g.use(handler, o) }, nil
}

func (g *Gateway) use(h http.Handler, o Options) {
	g.options.Store(&o)
	g.handler.Store(&h)
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ShutdownTimeout <= 0 {
		o.ShutdownTimeout = defaultShutdownTimeout
	}
	o.Limits = o.Limits.filled()
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
