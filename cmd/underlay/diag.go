package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/internal/diag"
	"github.com/underlay/underlay/peer"
	"github.com/underlay/underlay/proxy/member"
	"github.com/underlay/underlay/proxy/profile"
)

// diagPath is where a peer reports on itself.
const diagPath = "/debug/diag"

// maxCPU bounds how long a report watches the processor.
const maxCPU = time.Minute

// debugging serves what administrators look at when a peer is not as it should be: profiles, and reports.
func (a apis) debugging(files accessFiles, p *peer.Peer, env environment) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(profile.Path, profile.Handler())
	mux.Handle("GET "+diagPath, profile.OwnSite(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cpu := time.Duration(0)
		if asked := r.URL.Query().Get("cpu"); asked != "" {
			var err error
			if cpu, err = time.ParseDuration(asked); err != nil || cpu < 0 || cpu > maxCPU {
				http.Error(w, "cpu must be a duration of at most "+maxCPU.String(), http.StatusBadRequest)
				return
			}
		}
		w.Header().Set("Content-Type", "application/gzip")
		if err := a.report(*env.live.now.Load(), files, p, env, cpu).WriteTo(r.Context(), w); err != nil {
			panic(http.ErrAbortHandler) // the client has gone, or must not take it for complete
		}
	})))
	return mux
}

// report is what a maintainer asks for.
func (a apis) report(conf config.Config, files accessFiles, p *peer.Peer, env environment, cpu time.Duration) diag.Report {
	here := []string{member.Header, p.ID().String()}
	parts := append(diag.Process(version, cpu),
		diag.Part{Name: "settings.yaml", Within: time.Second, Write: func(_ context.Context, w io.Writer) error { return conf.WriteYAML(w) }},
		diag.Ask("kubo-config.json", a.rpc.Clients, "POST /api/v0/config/show", here...),
		diag.Ask("kubo-repo.json", a.rpc.Clients, "POST /api/v0/repo/stat", here...),
		diag.Ask("kubo-swarm.json", a.rpc.Clients, "POST /api/v0/swarm/peers", here...),
		diag.Ask("kubo-bitswap.json", a.rpc.Clients, "POST /api/v0/stats/bitswap", here...),
		diag.Ask("health.json", a.rest, "GET /health"),
		diag.Ask("consensus.json", a.rest, "GET /health/consensus"),
		diag.Ask("graph.json", a.rest, "GET /health/graph"),
		diag.Ask("alerts.json", a.rest, "GET /health/alerts"),
		diag.Ask("id.json", a.rest, "GET /id"),
		diag.Ask("peers.json", a.rest, "GET /peers"),
		diag.Ask("failing-pins.json", a.rest, "GET /pins?filter=error&local=true"),
		diag.Ask("metrics.txt", env.figures.Handler(slog.New(slog.DiscardHandler)), "GET /metrics"),
		diag.Disk(conf.DataDir))
	if env.logs != nil {
		parts = append(parts, diag.Text("log.txt", env.logs.Recent))
	}
	return diag.Report{
		Name: "underlay-" + conf.Name + "-" + time.Now().UTC().Format("20060102T150405"), Parts: parts, Secrets: secrets(conf, files, p),
	}
}

// secrets lists what no report may show, should it stand where it does not belong, as in a line of the log.
func secrets(conf config.Config, files accessFiles, p *peer.Peer) []string {
	found := []string{files.admin, files.metrics}
	if secret, err := conf.Cluster.ReadSecret(); err == nil {
		found = append(found, string(secret))
	}
	if now, err := readTokens(conf.API); err == nil { // they may have changed
		found = append(found, now.admin, now.metrics)
	}
	for _, file := range []string{filepath.Join(conf.DataDir, "cluster", "secret"), conf.Gateway.PurgeTokenFile} {
		if raw, err := os.ReadFile(file); err == nil {
			found = append(found, string(raw))
		}
	}
	if at, err := url.Parse(conf.Gateway.PurgeURL); err == nil && at.User != nil {
		found = append(found, at.User.String())
	}
	kubo, err := p.Node().Repo.Config()
	if err != nil {
		return found
	}
	found = append(found, kubo.Identity.PrivKey)
	for _, service := range kubo.Pinning.RemoteServices {
		found = append(found, service.API.Key)
	}
	for _, scope := range kubo.API.Authorizations {
		_, bare, _ := strings.Cut(scope.AuthSecret, ":") // the scheme is before it
		found = append(found, scope.AuthSecret, bare)
	}
	return found
}
