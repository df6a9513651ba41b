package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/kubo/core"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/underlay/underlay/internal/inflight"
)

// Limits of the server that no deployment has needed to change.
const (
	readHeaderTimeout      = 10 * time.Second
	idleTimeout            = 75 * time.Second
	maxHeaderBytes         = 64 << 10
	defaultShutdownTimeout = 5 * time.Second
	handlerGrace           = 2 * time.Second
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
	// ShutdownTimeout is how long responses in progress may go on once Serve's context ends; 0 means 5 s.
	ShutdownTimeout time.Duration

	Metrics prometheus.Registerer // where boxo's gateway metrics go; nil keeps them to this gateway
	Logger  *slog.Logger          // nil discards
}

// Gateway is a listening public gateway. Its methods may be called from any goroutine.
type Gateway struct {
	listener        net.Listener
	server          *http.Server
	running         inflight.Tracker
	draining        atomic.Bool
	shutdownTimeout time.Duration
	log             *slog.Logger

	stopOnce sync.Once
	stop     chan struct{} // closed by Close
	cut      context.CancelFunc

	mu     sync.Mutex
	served chan struct{} // closed when Serve returns; nil before Serve
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
	g := &Gateway{
		listener:        l,
		stop:            make(chan struct{}),
		shutdownTimeout: o.ShutdownTimeout,
		log:             o.Logger,
	}
	handler, err := newHandler(o, g.draining.Load)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare gateway on %s: %w", l.Addr(), err), l.Close())
	}
	// Requests outlive the context given to Serve, so that a drain can finish them; only a forced stop cuts them.
	base, cut := context.WithCancel(context.Background())
	g.cut = cut
	g.server = &http.Server{
		Handler:           g.running.Wrap(handler),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	return g, nil
}

// Addr is the address in use, with the real port when the options asked for port 0.
func (g *Gateway) Addr() net.Addr { return g.listener.Addr() }

// Drain makes /healthz answer 503 from now on, so that load balancers look elsewhere; all else is still served. It
// does not block.
func (g *Gateway) Drain() { g.draining.Store(true) }

// Serve answers requests until ctx ends or Close is called, and blocks meanwhile. Then it refuses new connections,
// lets responses in progress finish for at most Options.ShutdownTimeout, cuts the rest, and returns nil. It may be
// called once. An error means that the listener failed, or that a handler did not end although its request was cut.
func (g *Gateway) Serve(ctx context.Context) error {
	served, err := g.begin()
	if err != nil {
		return err
	}
	defer close(served)
	failed := make(chan error, 1)
	go func() { failed <- g.server.Serve(g.listener) }()
	g.log.Info("gateway serving", "address", g.Addr().String())
	select {
	case err := <-failed:
		if g.closed() { // Close closed the listener under the server, which then fails before it sees the stop
			return g.halt(0)
		}
		return errors.Join(fmt.Errorf("serve gateway on %s: %w", g.Addr(), err), g.halt(0))
	case <-ctx.Done():
		err = g.halt(g.shutdownTimeout)
	case <-g.stop:
		err = g.halt(0)
	}
	<-failed
	g.log.Info("gateway stopped")
	return err
}

// begin notes that Serve runs, so that Close can wait for it.
func (g *Gateway) begin() (chan struct{}, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.served != nil {
		return nil, errors.New("serve gateway: already served")
	}
	g.served = make(chan struct{})
	return g.served, nil
}

// halt stops the server: gently for up to grace, then hard, and waits for the handlers in both cases.
func (g *Gateway) halt(grace time.Duration) error {
	g.Drain()
	if grace > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		if err := g.server.Shutdown(ctx); err != nil {
			g.log.Warn("gateway drain cut short", "after", grace, "error", err)
		}
	}
	g.cut()
	closeErr := g.server.Close()
	if !g.running.Wait(handlerGrace) {
		return fmt.Errorf("stop gateway: %d requests still run %s after they were cut", g.running.Count(), handlerGrace)
	}
	if closeErr != nil && !errors.Is(closeErr, net.ErrClosed) {
		return fmt.Errorf("stop gateway: %w", closeErr)
	}
	return nil
}

func (g *Gateway) closed() bool {
	select {
	case <-g.stop:
		return true
	default:
		return false
	}
}

// Close stops serving at once (cancel Serve's context first for a drain), frees the port and waits until Serve has
// returned. It may be called more than once.
func (g *Gateway) Close() error {
	var err error
	g.stopOnce.Do(func() {
		close(g.stop)
		if e := g.listener.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
			err = fmt.Errorf("close gateway listener: %w", e)
		}
	})
	g.mu.Lock()
	served := g.served
	g.mu.Unlock()
	if served != nil {
		<-served
	}
	g.cut()
	return err
}
