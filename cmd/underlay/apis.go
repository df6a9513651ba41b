package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"github.com/underlay/underlay/cmd/underlay/meter"
	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/peer"
	"github.com/underlay/underlay/proxy"
	"github.com/underlay/underlay/proxy/console"
	"github.com/underlay/underlay/proxy/psa"
	"github.com/underlay/underlay/proxy/rest"
	"github.com/underlay/underlay/proxy/rpc"
)

// apis are a peer's private APIs.
type apis struct {
	rpc     *rpc.API
	rest    http.Handler
	pinning *psa.Service
	console *console.Console
	surveys surveys
}

// openAPIs makes the private APIs of a peer whose RPC API listens on l. Their streams end with ctx; they are not ready any more
// when ending ends.
func openAPIs(ctx, ending context.Context, conf config.Config, p *peer.Peer, denied *denials, m *meter.Meter, l net.Listener, logger *slog.Logger) (apis, error) {
	api, err := rpc.New(rpcOptions(conf, p, l, logger))
	if err != nil {
		return apis{}, err
	}
	asked := newSurveys(p, m, logger)
	pages, err := console.New(console.Options{
		Overview: asked.overview, Links: asked.links, Hours: asked.hours, Events: p, Version: version, Logger: logger,
	})
	if err != nil {
		return apis{}, err
	}
	return apis{
		rpc: api, rest: rest.New(restOptions(ctx, ending, p, denied, asked, logger)), pinning: psa.New(psaOptions(p, logger)),
		console: pages, surveys: asked,
	}, nil
}

// servers serves the APIs to clients, on each listener that there is.
func (a apis) servers(conf config.Config, files accessFiles, listeners *listenerSet, door *entrance, m *meter.Meter, logger *slog.Logger) (servers []func(context.Context) error) {
	for l, h := range map[net.Listener]http.Handler{
		listeners.api:  m.Private(door.guard, door.clients(proxy.Handler(a.rpc.Clients, a.pinning.Handler(), a.console, m.Handler(logger), a.rest))),
		listeners.rest: m.Private(door.guard, door.clients(a.rest)),
		listeners.psa:  m.Pinning(door.guard, door.pinning(a.pinning.Handler())),
	} {
		if l != nil {
			servers = append(servers, proxy.NewServer(l, files.tls, h, conf.ShutdownTimeout/2, logger).Serve)
		}
	}
	return servers
}
