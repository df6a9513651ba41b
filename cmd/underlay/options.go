package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"

	"github.com/ipfs/boxo/exchange"
	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/gateway"
	"github.com/underlay/underlay/peer"
	"github.com/underlay/underlay/proxy/psa"
	"github.com/underlay/underlay/proxy/rest"
	"github.com/underlay/underlay/proxy/rpc"
)

// This file turns the configuration into each component's own options; components do not know package config.

func peerOptions(c config.Config, b birth, logger *slog.Logger, fatal func(error)) peer.Options {
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
		ReplicationMin: c.Cluster.ReplicationMin,
		ReplicationMax: c.Cluster.ReplicationMax,
		AckReplicas:    c.Cluster.AckReplicas,
		AckTimeout:     c.Cluster.AckTimeout,
		Heartbeat:      c.Cluster.Heartbeat,
		DeadAfter:      c.Cluster.DeadAfter,
		RepinAfter:     c.Cluster.RepinAfter,
		PinWorkers:     c.Cluster.PinWorkers,
		Tags:           c.Cluster.Tags,
		Public:         c.PublicNetwork,
		ConfigureIPFS:  func(base *kuboconfig.Config) error { return config.MergeIPFS(base, c.IPFS) },
		CloseTimeout:   c.ShutdownTimeout / 2,
		Version:        version,
		Logger:         logger,
		NoteFailure:    rpc.NoteFailure,
		Fatal:          fatal,
	}
}

func gatewayOptions(c config.Config, p *peer.Peer, logger *slog.Logger) gateway.Options {
	var held exchange.Interface
	if c.Gateway.PinnedOnly {
		held = p.Held()
	}
	return gateway.Options{
		Node:                  p.PublicNode(),
		NamesOver:             p.NamesOver,
		Held:                  held,
		LandingPage:           c.Gateway.LandingPage,
		RobotsFile:            c.Gateway.RobotsFile,
		RetrievalTimeout:      c.Gateway.RetrievalTimeout,
		MaxConcurrentRequests: c.Gateway.MaxConcurrentRequests,
		ShutdownTimeout:       c.ShutdownTimeout / 2,
		Logger:                logger,
	}
}

func rpcOptions(c config.Config, p *peer.Peer, l net.Listener, logger *slog.Logger) rpc.Options {
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
		Logger:   logger,
	}
}

func psaOptions(p *peer.Peer, logger *slog.Logger) psa.Options {
	requests := p.Requests()
	return psa.Options{State: requests, Cluster: requests, Logger: logger}
}

// errEnding is what load balancers are told of a peer that answers for a little longer.
var errEnding = errors.New("this peer is about to stop")

// restOptions needs to know when the listeners will end, and before that whether the process has been told to.
func restOptions(ctx, ending context.Context, p *peer.Peer, logger *slog.Logger) rest.Options {
	return rest.Options{
		Cluster: p.API(),
		Monitor: p.Monitor(),
		RPC:     p.RPC,
		Ready: func() error {
			if ending.Err() != nil {
				return errEnding
			}
			return p.Ready()
		},
		Pinset:    p,
		Events:    p,
		Ending:    ctx,
		Consensus: p.Consensus,
		Peers:     p,
		Logger:    logger,
	}
}
