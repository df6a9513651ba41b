package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/internal/health"
	"github.com/underlay/underlay/peer"
	"github.com/underlay/underlay/proxy"
	"github.com/underlay/underlay/proxy/console"
	"github.com/underlay/underlay/proxy/overview"
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
	ready   func() error // why this peer wants no requests
	// vitals and unfinished are what other members ask of this peer for their consoles.
	vitals, unfinished http.Handler
}

// openAPIs makes the private APIs of a peer whose RPC API listens on l. Their streams end with ctx; they are not ready any more
// when ending ends.
func openAPIs(ctx, ending context.Context, conf config.Config, p *peer.Peer, denied *denials, l net.Listener, logger *slog.Logger) (apis, error) {
	api, err := rpc.New(rpcOptions(conf, p, l, logger))
	if err != nil {
		return apis{}, err
	}
	look, left, ready := overview.New(p, p, logger), unfinished.New(p, p), readiness(ending, p)
	cluster := restOptions(ctx, ready, p, denied, logger)
	pages, err := console.New(console.Options{
		Overview: look, Pins: p.API(), Unfinished: left, Adder: rest.NewAdder(cluster), Commands: api.Clients,
		Gateway: gatewayLinks(conf.Gateway), Version: version, Logger: logger,
	})
	if err != nil {
		return apis{}, err
	}
	return apis{
		rpc: api, rest: rest.New(cluster), pinning: psa.New(psaOptions(p, logger)),
		console: pages, vitals: look.Handler(), unfinished: left.Handler(), ready: ready,
	}, nil
}

// servers serves the APIs to clients, on each listener that there is, and with each what load balancers ask.
func (a apis) servers(conf config.Config, files accessFiles, listeners *listenerSet, door *entrance, logger *slog.Logger) (servers []func(context.Context) error) {
	for l, h := range map[net.Listener]http.Handler{
		listeners.api:  door.clients(health.Handler(a.ready, proxy.Handler(a.rpc.Clients, a.pinning.Handler(), a.console, a.rest))),
		listeners.rest: door.clients(health.Handler(a.ready, a.rest)),
		listeners.psa:  door.pinning(health.Handler(a.ready, a.pinning.Handler())),
	} {
		if l != nil {
			servers = append(servers, proxy.NewServer(l, files.tls(), h, conf.ShutdownTimeout/2, logger).Serve)
		}
	}
	return servers
}
