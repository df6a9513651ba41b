package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/cmd/underlay/meter"
	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/gateway"
	"github.com/underlay/underlay/gateway/policy"
	"github.com/underlay/underlay/internal/denial"
	"github.com/underlay/underlay/peer"
	"github.com/underlay/underlay/peer/denylist"
)

// denials are what the gateway must not serve, and the cluster's own list of it.
type denials struct {
	policy *policy.Policy
	list   *denylist.Denylist
}

// openGateway opens the gateway with what it must not serve.
func openGateway(gw *gateway.Gateway, conf config.Config, p *peer.Peer, m *meter.Meter, env environment, logger *slog.Logger) (*denials, error) {
	d, err := openDenials(conf, p, env, logger)
	if err != nil {
		return nil, err
	}
	if err := gw.Open(gatewayOptions(conf, p, d, m, logger)); err != nil {
		return nil, fmt.Errorf("open gateway: %w", err)
	}
	return d, nil
}

// openDenials puts into force what this peer knows of all lists.
func openDenials(conf config.Config, p *peer.Peer, env environment, logger *slog.Logger) (*denials, error) {
	d := &denials{policy: policy.Open(policyOptions(conf, env.lookup, logger))}
	state := p.Requests()
	o := denylist.Options{State: state, Leads: state.Leads, Apply: d.apply, Logger: logger}
	if conf.Gateway.PurgeURL != "" {
		o.Purge = denylist.Hook{URL: conf.Gateway.PurgeURL, TokenFile: conf.Gateway.PurgeTokenFile}.Purge
	}
	var err error
	d.list, err = denylist.Open(o)
	return d, err
}

func policyOptions(c config.Config, lookup func(string) (string, bool), logger *slog.Logger) policy.Options {
	return policy.Options{
		Dirs:     denylistDirs(c, lookup),
		URLs:     c.Gateway.Denylists,
		Interval: c.Gateway.DenylistInterval,
		Keep:     filepath.Join(c.DataDir, "fetched-denylists"),
		Status:   c.Gateway.DeniedStatus,
		Logger:   logger,
	}
}

// denylistDirs are ours, and those in which kubo looks for lists, so that its node never denies what the gateway serves.
func denylistDirs(c config.Config, lookup func(string) (string, bool)) []string {
	dirs := []string{c.DenylistDir()}
	if lookup == nil { // a test, which is not to read what is elsewhere on the machine
		return dirs
	}
	if home, ok := lookup("XDG_CONFIG_HOME"); ok && home != "" {
		dirs = append(dirs, filepath.Join(home, "ipfs", "denylists"))
	} else if home, ok := lookup("HOME"); ok && home != "" {
		dirs = append(dirs, filepath.Join(home, ".config", "ipfs", "denylists"))
	}
	return append(dirs, "/etc/ipfs/denylists")
}

func (d *denials) apply(rules []denial.Rule) error {
	entries := make([]policy.Entry, len(rules))
	for i, r := range rules {
		entries[i] = policy.Entry{Rule: r.Rule, Status: r.Status}
	}
	return d.policy.SetEntries(entries)
}

// serve follows the lists until ctx ends.
func (d *denials) serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.policy.Serve(ctx) })
	g.Go(func() error { return d.list.Serve(ctx) })
	return g.Wait()
}
