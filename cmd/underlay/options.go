package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/gateway"
	"github.com/underlay/underlay/internal/logging"
	"github.com/underlay/underlay/peer"
	"github.com/underlay/underlay/proxy/console"
	"github.com/underlay/underlay/proxy/psa"
	"github.com/underlay/underlay/proxy/rest"
	"github.com/underlay/underlay/proxy/rpc"
)

// This file turns the configuration into each component's own options; components do not know package config.

func peerOptions(c config.Config, b birth, env environment, logger *slog.Logger) peer.Options {
	secret, _ := c.Cluster.Secret.Bytes() // validated when loaded; none if empty
	return peer.Options{
		Dir:            c.DataDir,
		Name:           c.Name,
		Listen:         c.Cluster.Listen,
		Announce:       c.Cluster.Announce,
		Secret:         secret,
		Places:         b.places,
		Expect:         c.Cluster.BootstrapExpect,
		Record:         b.record,
		Tuning:         tuning(c),
		ReplicationMin: c.Cluster.ReplicationMin,
		ReplicationMax: c.Cluster.ReplicationMax,
		Heartbeat:      c.Cluster.Heartbeat,
		DeadAfter:      c.Cluster.DeadAfter,
		PinWorkers:     c.Cluster.PinWorkers,
		Tags:           c.Cluster.Tags,
		Slot:           c.Cluster.Slot,
		Machines:       b.machines,
		Public:         c.PublicNetwork,
		ConfigureIPFS:  func(base *kuboconfig.Config) error { return config.MergeIPFS(base, c.IPFS) },
		CloseTimeout:   c.ShutdownTimeout / 2,
		Version:        version,
		Logger:         logging.Named(logger, logging.Peer),
		Tracer:         env.tracer,
		Observe:        env.figures.Consensus(),
		NoteFailure:    rpc.NoteFailure,
		CarryAlong:     psa.CarryClaim,
		Fatal:          env.fatal,
	}
}

func gatewayOptions(c config.Config, p *peer.Peer, denied *denials, env environment, logger *slog.Logger) gateway.Options {
	o := gatewayListenerOptions(c, env, logger)
	o.Node, o.NamesOver, o.Held, o.HeldOnly = p.PublicNode(), p.NamesOver, p.Held(), c.Gateway.PinnedOnly
	o.LandingPage, o.RobotsFile, o.RootRedirect = c.Gateway.LandingPage, c.Gateway.RobotsFile, c.Gateway.RootRedirect
	o.Hosts, o.CodecConversion, o.RoutingAPI = gatewayHosts(c.Gateway.Hosts), c.Gateway.CodecConversion, c.Gateway.RoutingAPI
	o.Policy, o.Metrics, o.BoxoMetrics = denied.policy, env.figures.Registerer(), env.figures.BoxoRegisterer()
	return o
}

// gatewayListenerOptions are what the gateway needs before there is a peer.
func gatewayListenerOptions(c config.Config, env environment, logger *slog.Logger) gateway.Options {
	return gateway.Options{
		Trust:           gateway.Trust{Proxies: config.Prefixes(c.Gateway.TrustedProxies), Headers: c.Gateway.TrustedHeaders},
		Limits:          gatewayLimits(c.Gateway),
		CacheBytes:      int64(c.Gateway.CacheMiB) << 20,
		ShutdownTimeout: c.ShutdownTimeout / 2,
		Logger:          logging.Named(logger, logging.Gateway),
		Observe: func(h http.Handler) http.Handler {
			return env.figures.Gateway(env.requests("gateway", true, logger, h))
		},
	}
}

func gatewayLimits(g config.Gateway) gateway.Limits {
	return gateway.Limits{
		Unlimited:         config.Prefixes(g.UnlimitedClients),
		ClientRate:        g.ClientRate,
		ClientBurst:       g.ClientBurst,
		ClientRequests:    g.ClientRequests,
		ClientConnections: g.ClientConnections,
		MaxConnections:    g.MaxConnections,
		Retrieval:         g.RetrievalTimeout,
		Duration:          g.MaxRequestDuration,
		Concurrent:        g.MaxConcurrentRequests,
		SendRate:          g.MinSendRate,
		ReadPause:         g.MaxReadPause,
		PathLength:        g.MaxPathLength,
		PathDepth:         g.MaxPathDepth,
		HeaderBytes:       g.MaxHeaderBytes,
		FileSize:          int64(g.MaxFileSize),
		ResponseSize:      int64(g.MaxResponseSize),
		RangeFileSize:     int64(g.MaxRangeFileSize),
		DirectoryEntries:  g.MaxDirectoryEntries,
	}
}

func gatewayHosts(hosts map[string]config.Host) map[string]gateway.Host {
	rules := make(map[string]gateway.Host, len(hosts))
	for name, h := range hosts {
		rules[name] = gateway.Host{Kind: gateway.Kind(h.Kind), DNSLink: h.ServesDNSLink(), Paths: h.Paths}
	}
	return rules
}

func rpcOptions(c config.Config, p *peer.Peer, l net.Listener, env environment, logger *slog.Logger) rpc.Options {
	return rpc.Options{
		Node:     p.Node(),
		Repo:     filepath.Join(c.DataDir, "ipfs"),
		Pinset:   p,
		Keys:     p,
		Peers:    p,
		Collect:  p,
		Settings: p.Settings(),
		Files:    p.Files(),
		Copies:   c.Cluster.ReplicationMax,
		Listener: l,
		Logger:   logging.Named(logger, logging.API),
		Logs:     env.tail(),
	}
}

func psaOptions(p *peer.Peer, logger *slog.Logger) psa.Options {
	requests := p.Requests()
	return psa.Options{State: requests, Cluster: requests, Logger: logging.Named(logger, logging.API)}
}

// errEnding is what load balancers are told of a peer that answers for a little longer.
var errEnding = errors.New("this peer is about to stop")

// tuning is the part of the peer's options that may change.
func tuning(c config.Config) peer.Tuning {
	return peer.Tuning{AckReplicas: c.Cluster.AckReplicas, AckTimeout: c.Cluster.AckTimeout, RepinAfter: c.Cluster.RepinAfter}
}

// readiness says why a peer's private APIs want no requests: it is about to stop, or takes no part in the cluster.
func readiness(ending context.Context, p *peer.Peer) func() error {
	return func() error {
		if ending.Err() != nil {
			return errEnding
		}
		return p.Ready()
	}
}

// restOptions needs to know when the listeners will end.
func restOptions(ctx context.Context, ready func() error, p *peer.Peer, denied *denials, asked surveys, logger *slog.Logger) rest.Options {
	return rest.Options{
		Cluster:   p.API(),
		Monitor:   p.Monitor(),
		RPC:       p.RPC,
		Ready:     ready,
		Pinset:    p,
		Events:    p,
		Overview:  asked.overview,
		Links:     asked.links,
		Denylist:  denied.list,
		Ending:    ctx,
		Consensus: p.Consensus,
		Peers:     p,
		Logger:    logging.Named(logger, logging.API),
	}
}

// gatewayLinks says where the console opens content: where the settings say, else at their first host that serves any, since this
// peer's own gateway may be out of the reach of who looks.
func gatewayLinks(conf config.Gateway) console.Gateway {
	_, port, _ := net.SplitHostPort(conf.Listen)
	links := console.Gateway{URL: conf.PublicURL, Port: port}
	for _, kind := range []string{config.HostDeserialised, config.HostSubdomain} {
		for _, name := range slices.Sorted(maps.Keys(conf.Hosts)) {
			if conf.Hosts[name].Kind == kind && !strings.Contains(name, "*") && links.URL == "" {
				links.URL = "https://" + name // behind a balancer that ends TLS, as docs/gateway-hosts.md has it
			}
		}
	}
	return links
}
