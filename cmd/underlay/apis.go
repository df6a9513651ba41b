package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/internal/health"
	"github.com/underlay/underlay/internal/logging"
	"github.com/underlay/underlay/peer"
	"github.com/underlay/underlay/proxy"
	"github.com/underlay/underlay/proxy/console"
	"github.com/underlay/underlay/proxy/psa"
	"github.com/underlay/underlay/proxy/rest"
	"github.com/underlay/underlay/proxy/rpc"
	"github.com/underlay/underlay/proxy/unfinished"
)

// apis are a peer's private APIs.
type apis struct {
	rpc     *rpc.API
	rest    http.Handler
	pinning *psa.Service
	console *console.Console
	surveys surveys
	ready   func() error // why this peer wants no requests
	// unfinished is what other members ask of this peer for their pages of pins.
	unfinished http.Handler
}

// openAPIs makes the private APIs of a peer whose RPC API listens on l. Their streams end with ctx; they are not ready any more
// when ending ends.
func openAPIs(ctx, ending context.Context, conf config.Config, p *peer.Peer, denied *denials, l net.Listener, env environment, logger *slog.Logger) (apis, error) {
	api, err := rpc.New(rpcOptions(conf, p, l, env, logger))
	if err != nil {
		return apis{}, err
	}
	ready, left := readiness(ending, p), unfinished.New(p, p)
	asked := newSurveys(p, env.figures, logging.Named(logger, logging.API))
	cluster := restOptions(ctx, ready, p, denied, asked, logger)
	pages, err := console.New(console.Options{
		Overview: asked.overview, Pins: p.API(), Unfinished: left, Adder: rest.NewAdder(cluster), Commands: api.Clients,
		Links: asked.links, Hours: asked.hours, Events: p,
		Gateway: gatewayLinks(conf.Gateway), Version: version, Logger: logging.Named(logger, logging.API),
	})
	if err != nil {
		return apis{}, err
	}
	return apis{
		rpc: api, rest: rest.New(cluster), pinning: psa.New(psaOptions(p, logger)),
		console: pages, surveys: asked, unfinished: left.Handler(), ready: ready,
	}, nil
}

// servers serves the APIs to clients, on each listener that there is, and with each what load balancers ask.
func (a apis) servers(conf config.Config, files accessFiles, p *peer.Peer, listeners *listenerSet, door *entrance, env environment, logger *slog.Logger) (servers []func(context.Context) error) {
	own := proxy.Handler(proxy.Parts{
		RPC: a.rpc.Clients, Pinning: a.pinning.Handler(), Console: a.console, Debug: a.debugging(files, p, env),
		Metrics: env.figures.Handler(logger), REST: a.rest,
	})
	for l, h := range map[net.Listener]http.Handler{
		listeners.api:  env.figures.Private(door.guard, door.clients(health.Handler(a.ready, own))),
		listeners.rest: env.figures.Private(door.guard, door.clients(health.Handler(a.ready, a.rest))),
		listeners.psa:  env.figures.Pinning(door.guard, door.pinning(health.Handler(a.ready, a.pinning.Handler()))),
	} {
		if l != nil {
			h = env.requests("api", false, logger, h)
			servers = append(servers, proxy.NewServer(l, files.tls(), h, conf.ShutdownTimeout/2, logging.Named(logger, logging.HTTP)).Serve)
		}
	}
	return servers
}
