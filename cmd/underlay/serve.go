package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"

	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/gateway"
	"github.com/underlay/underlay/internal/httpserver"
	"github.com/underlay/underlay/peer"
	"github.com/underlay/underlay/proxy"
	"github.com/underlay/underlay/proxy/member"
)

// serve runs one peer with its gateway and APIs until ctx ends or one of them fails. Listeners come first, so that a
// taken port changes nothing on disk, and the gateway says that it starts until the peer is open. When ctx ends load balancers
// are told, and get the drain delay to look elsewhere; then the servers drain while the peer still works, and the peer hands
// over leadership and closes. env.fatal must end the process.
func serve(ctx context.Context, conf config.Config, logger *slog.Logger, env environment) (err error) {
	live := env.liveSettings(conf, logger)
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

	gw := gateway.New(listeners.gateway, gatewayListenerOptions(conf, logger))
	gatewayServes := begin(ctx, gw.Serve) // says that it starts, meanwhile

	p, err := openPeer(ctx, conf, logger, env.fatal)
	if err != nil {
		return errors.Join(err, gw.Close())
	}
	defer joinClose(&err, "peer", p)
	defer joinClose(&err, "gateway", gw)
	denied, err := openGateway(gw, conf, p, env, logger)
	if err != nil {
		return err
	}
	door, err := openEntrance(conf, files, p, logger)
	if err != nil {
		return err
	}
	ending := ctx
	ctx, end := outlive(ctx, live.drainDelay, gw.Drain)
	defer end()
	private, err := openAPIs(ctx, ending, conf, p, denied, listeners.api, logger)
	if err != nil {
		return err
	}

	withdraw := announce(conf, listeners.api.Addr(), env, logger)
	defer func() { err = errors.Join(err, withdraw()) }()

	members := peer.FromMembers(member.Handler(door.members(private), private.rest))
	manager := newNotifier(listeners.gateway.Addr(), p.Ready, logger)
	inside := []func(context.Context) error{
		p.Serve, denied.serve, door.registry.Serve, private.pinning.Serve,
		proxy.NewServer(p.Calls(), nil, members, conf.ShutdownTimeout/4, logger).Serve,
		func(ctx context.Context) error { return manager.Serve(ctx, ending) },
	}
	live.parts = append(live.parts, tuningPart(p), door.part(files.certs), denylistPart(denied, env, logger), gatewayPart(gw, p, denied, logger))
	inside = append(inside, env.follow(live, p)...)
	clients := append(private.servers(conf, files, listeners, door, logger), gatewayServes)
	logServing(conf, p, logger)
	return serveInStages(ctx, inside, clients)
}

func logServing(conf config.Config, p *peer.Peer, logger *slog.Logger) {
	logger.Info("serving", "peer", p.ID(), "node", p.Node().Identity,
		"gateway", conf.Gateway.Listen, "api", conf.API.Listen, "rest", conf.API.RESTListen, "psa", conf.PSA.Listen)
}

// listenerSet holds a peer's HTTP listeners; rest and psa are nil when they are off.
type listenerSet struct{ gateway, api, rest, psa net.Listener }

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
