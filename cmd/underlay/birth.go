package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/internal/aws"
	"github.com/underlay/underlay/internal/discover"
	"github.com/underlay/underlay/peer"
	"github.com/underlay/underlay/peer/genesis"
)

// openPeer opens what the settings name and the peer itself.
func openPeer(ctx context.Context, conf config.Config, logger *slog.Logger, fatal func(error)) (*peer.Peer, error) {
	born, err := openBirth(ctx, conf)
	if err != nil {
		return nil, err
	}
	p, err := peer.Open(ctx, peerOptions(conf, born, logger, fatal))
	if err != nil {
		return nil, fmt.Errorf("open peer: %w", err)
	}
	return p, nil
}

// birth is how a peer finds the others, and with them the first members of a new cluster; and who knows the machines that they
// run on, nil if nobody does.
type birth struct {
	places   peer.Places
	record   *genesis.Record
	machines peer.Machines
}

// openBirth opens what the settings name. AWS is asked only if they name it.
func openBirth(ctx context.Context, conf config.Config) (b birth, err error) {
	var cloud *aws.Cloud
	c := conf.Cluster
	if conf.Cloud == "ec2" || needsAWS(c) {
		if cloud, err = aws.Open(ctx); err != nil {
			return b, err
		}
		if c.Slot != "" {
			b.machines = cloud
		}
	}
	if name, ok := strings.CutPrefix(c.Genesis, "ssm:"); ok {
		b.record = genesis.NewRecord(cloud.Parameter(name))
	}
	if len(c.Peers) > 0 {
		if b.places, err = discover.Parse(c.Peers, discover.Kinds(cloud)); err != nil {
			return b, fmt.Errorf("cluster.peers: %w", err)
		}
	}
	return b, nil
}

func needsAWS(c config.Cluster) bool {
	for _, p := range c.Peers {
		if discover.KindOf(p) == "ec2" {
			return true
		}
	}
	return c.Genesis != ""
}
