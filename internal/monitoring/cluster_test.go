package monitoring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/internal/itest"
)

const (
	adminToken   = "the-administrator-of-this-cluster-of-a-test"
	metricsToken = "the-monitoring-system-of-this-cluster"
	// watched is for how long the cluster is under load and looked at.
	watched = time.Minute
)

// startCluster starts one whose metrics need a token, which is in the file that is returned.
func startCluster(t *testing.T) (c *itest.Cluster, tokenFile string) {
	t.Helper()
	dir := t.TempDir()
	tokenFile, settings := filepath.Join(dir, "token"), filepath.Join(dir, "settings.yaml")
	text := fmt.Sprintf("api: {admin_token: %q, metrics_token_file: %q}\ngateway: {retrieval_timeout: 2s}\n", adminToken, tokenFile)
	if err := errors.Join(os.WriteFile(tokenFile, []byte(metricsToken), 0o600), os.WriteFile(settings, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	c = itest.Start(t, "--config", settings)
	c.As(adminToken)
	return c, tokenFile
}

// work has a peer do a bit of everything.
func work(p, other *itest.Peer) error {
	content := fmt.Appendf(nil, "%s %d", p.Name, rand.Uint64())
	cid, err := p.Add(content, "cid-version=1")
	if err != nil {
		return err
	}
	if got, err := other.Fetch("/ipfs/" + cid); err != nil || !bytes.Equal(got, content) {
		return fmt.Errorf("fetch what was added: %q, %w", got, err)
	}
	for _, command := range []string{"pin/ls", "repo/stat", "repo/gc"} {
		if _, err := p.RPC(command); err != nil {
			return err
		}
	}
	for _, path := range []string{"/pins", "/backup", "/peers"} {
		if _, err := p.Do(http.MethodGet, path); err != nil {
			return err
		}
	}
	_, err = p.RPC("pin/rm", cid)
	return err
}

// load has all peers work until ctx ends, and their gateways look for what nobody has.
func load(ctx context.Context, peers []*itest.Peer) error {
	g, ctx := errgroup.WithContext(ctx)
	for i, p := range peers {
		g.Go(func() error {
			for ctx.Err() == nil {
				if err := work(p, peers[(i+1)%len(peers)]); err != nil {
					return fmt.Errorf("%s: %w", p.Name, err)
				}
			}
			return nil
		})
		g.Go(func() error {
			for ctx.Err() == nil {
				if _, err := p.Fetch("/ipfs/bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"); err == nil {
					return errors.New("a gateway has what nobody has added")
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// A real Prometheus that has watched a cluster under load has every series that the dashboard and the rules ask for.
func TestPrometheusSeesEverything(t *testing.T) {
	tool(t, "promtool")
	tool(t, "prometheus")
	c, token := startCluster(t)
	p := startPrometheus(t, c.Peers, token)
	ctx, cancel := context.WithTimeout(t.Context(), watched)
	defer cancel()
	if err := load(ctx, c.Peers); err != nil {
		t.Fatal(err)
	}

	var expressions []string
	for _, a := range alerts(t) {
		expressions = append(expressions, a.Expr)
	}
	for title, asked := range panels(t) {
		expressions = append(expressions, asked...)
		for _, e := range asked {
			if n, err := p.query(e); err != nil || n == 0 {
				t.Errorf("panel %q: %s has no data: %v", title, e, err)
			}
		}
	}
	for _, s := range selectors(expressions...) {
		if n, err := p.query(s); err != nil || n == 0 {
			t.Errorf("%s does not exist: %v", s, err)
		}
	}
	if n, err := p.query(`up{job="underlay"} == 1`); err != nil || n != len(c.Peers) {
		t.Errorf("%d peers are up, %v", n, err)
	}
	for _, moved := range []string{
		"underlay_gc_runs_total", "underlay_gc_freed_bytes_total", `underlay_state_operations_total{outcome="committed"}`,
		`underlay_http_requests_total{api="rest",handler="/backup",code="2xx"}`, "underlay_pinset_pins + underlay_raft_applied_index", "underlay_blocks_bytes",
	} {
		if n, err := p.query(moved + " > 0"); err != nil || n != len(c.Peers) {
			t.Errorf("%s has moved on %d peers: %v", moved, n, err)
		}
	}
	good, broken, err := p.brokenRules()
	if good != len(alerts(t)) || len(broken) > 0 || err != nil {
		t.Errorf("%d rules are evaluated; %v; %v", good, broken, err)
	}
	for _, peer := range c.Peers {
		checkOutput(t, peer)
	}
	seenWithoutALeader(t, c)
}

// checkOutput looks at one peer's metrics: Prometheus's own linter finds nothing, they are not too many, and they are on one
// listener only.
func checkOutput(t *testing.T, p *itest.Peer) {
	t.Helper()
	out, err := p.Do(http.MethodGet, p.API+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	lint := exec.Command(tool(t, "promtool"), "check", "metrics")
	lint.Stdin = bytes.NewReader(out)
	if problems, err := lint.CombinedOutput(); err != nil || len(problems) > 0 {
		t.Errorf("promtool check metrics of %s: %v\n%s", p.Name, err, problems)
	}
	series := 0
	for line := range bytes.Lines(out) {
		if line[0] != '#' {
			series++
		}
	}
	t.Logf("%s has %d series in %d KiB", p.Name, series, len(out)>>10)
	if series > 5000 {
		t.Errorf("%s has %d series", p.Name, series)
	}
	for _, path := range []string{"/metrics", "/metrics/history", "/debug/metrics/prometheus"} {
		if got, err := p.Fetch(path); err == nil || bytes.Contains(got, []byte("underlay_")) {
			t.Errorf("the gateway answers %s: %q", path, got)
		}
	}
}

// seenWithoutALeader takes the quorum away: the token of the settings is good all the same, and the metrics say what is wrong.
func seenWithoutALeader(t *testing.T, c *itest.Cluster) {
	t.Helper()
	left, others := c.Peers[0], c.Peers[1:]
	c.KillAll(others...)
	itest.Eventually(t, time.Minute, func() error {
		req, err := http.NewRequest(http.MethodGet, left.API+"/metrics", nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+metricsToken)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		var out bytes.Buffer
		if _, err := out.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s, %w", resp.Status, err)
		}
		for _, line := range []string{"underlay_raft_has_leader 0", `underlay_ready{listener="api"} 0`, `underlay_members{state="unreachable"} 2`} {
			if !strings.Contains(out.String(), line+"\n") {
				return fmt.Errorf("%s does not say %s", left.Name, line)
			}
		}
		return nil
	})
	for _, p := range others {
		c.Restart(p)
	}
	c.AwaitReady(c.Peers...)
}
