package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/gateway"
	"github.com/underlay/underlay/internal/httpserver"
	"github.com/underlay/underlay/proxy"
	"github.com/underlay/underlay/proxy/member"
	"github.com/underlay/underlay/proxy/psa"
	"github.com/underlay/underlay/proxy/rest"
	"github.com/underlay/underlay/proxy/rpc"
)

// serve runs one peer with its gateway and APIs until ctx ends or one of them fails. Listeners come first, so that a
// taken port changes nothing on disk, and the gateway says that it starts until the peer is open. When ctx ends load balancers
// are told, and get conf.DrainDelay to look elsewhere; then the servers drain while the peer still works, and the peer hands
// over leadership and closes. env.fatal must end the process.
func serve(ctx context.Context, conf config.Config, logger *slog.Logger, env environment) (err error) {
	files, err := readAccessFiles(conf.API, logger)
	if err != nil {
		return err
	}
	if conf.Cluster.Secret, err = conf.Cluster.ReadSecret(); err != nil {
		return usageError{err}
	}
	listeners, err := listen(conf)
	if err != nil {
		return err
	}
	defer joinClose(&err, "listeners", listeners)

	gw := gateway.New(listeners.gateway, gateway.Options{ShutdownTimeout: conf.ShutdownTimeout / 2, Logger: logger})
	gatewayServes := begin(ctx, gw.Serve) // says that it starts, meanwhile

	p, err := openPeer(ctx, conf, logger, env.fatal)
	if err != nil {
		return errors.Join(err, gw.Close())
	}
	defer joinClose(&err, "peer", p)
	defer joinClose(&err, "gateway", gw)
	if err := gw.Open(gatewayOptions(conf, p, logger)); err != nil {
		return fmt.Errorf("open gateway: %w", err)
	}

	door, err := openEntrance(conf, files, p, logger)
	if err != nil {
		return err
	}
	ending := ctx
	ctx, end := outlive(ctx, conf.DrainDelay, gw.Drain)
	defer end()
	rest := rest.New(restOptions(ctx, ending, p, logger))
	pinning := psa.New(psaOptions(p, logger))
	rpc, err := rpc.New(rpcOptions(conf, p, listeners.api, logger))
	if err != nil {
		return err
	}

	withdraw := announce(conf, listeners.api.Addr(), env, logger)
	defer func() { err = errors.Join(err, withdraw()) }()

	members := member.Handler(door.members(rpc), rest)
	manager := newNotifier(listeners.gateway.Addr(), p.Ready, logger)
	inside := []func(context.Context) error{
		p.Serve, door.registry.Serve, pinning.Serve, proxy.NewServer(p.Calls(), nil, members, conf.ShutdownTimeout/4, logger).Serve,
		func(ctx context.Context) error { return manager.Serve(ctx, ending) },
	}
	clients := private(map[net.Listener]http.Handler{
		listeners.api:  door.clients(proxy.Handler(rpc.Clients, pinning.Handler(), rest)),
		listeners.rest: door.clients(rest),
		listeners.psa:  door.pinning(pinning.Handler()),
	}, files.tls, conf.ShutdownTimeout/2, logger)
	logger.Info("serving", "peer", p.ID(), "node", p.Node().Identity,
		"gateway", conf.Gateway.Listen, "api", conf.API.Listen, "rest", conf.API.RESTListen, "psa", conf.PSA.Listen)
	return serveInStages(ctx, inside, append(clients, gatewayServes))
}

// listenerSet holds a peer's HTTP listeners; rest and psa are nil when they are off.
type listenerSet struct{ gateway, api, rest, psa net.Listener }

// private returns what serves those private listeners that are on.
func private(
	handlers map[net.Listener]http.Handler, tls *tls.Config, grace time.Duration, logger *slog.Logger,
) (servers []func(context.Context) error) {
	for l, h := range handlers {
		if l != nil {
			servers = append(servers, proxy.NewServer(l, tls, h, grace, logger).Serve)
		}
	}
	return servers
}

func listen(conf config.Config) (set *listenerSet, err error) {
	set = &listenerSet{}
	defer func() {
		if err != nil {
			err = errors.Join(err, set.Close())
		}
	}()
	for _, l := range []struct {
		setting, addr string
		to            *net.Listener
	}{
		{"gateway.listen", conf.Gateway.Listen, &set.gateway},
		{"api.listen", conf.API.Listen, &set.api},
		{"api.rest_listen", conf.API.RESTListen, &set.rest},
		{"psa.listen", conf.PSA.Listen, &set.psa},
	} {
		if l.addr == "" {
			continue
		}
		if *l.to, err = httpserver.Listen(l.addr); err != nil {
			return set, fmt.Errorf("%s: %w", l.setting, err)
		}
	}
	return set, nil
}

// Close gives the addresses back; a server that has closed its listener already does no harm.
func (s *listenerSet) Close() error {
	var errs []error
	for _, l := range []net.Listener{s.gateway, s.api, s.rest, s.psa} {
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// joinClose closes c and adds its error to err.
func joinClose(err *error, name string, c io.Closer) {
	if closeErr := c.Close(); closeErr != nil {
		*err = errors.Join(*err, fmt.Errorf("close %s: %w", name, closeErr))
	}
}
