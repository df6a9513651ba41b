package rpcdiff

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	kuborpc "github.com/ipfs/kubo/client/rpc"
	iface "github.com/ipfs/kubo/core/coreiface"
	"github.com/ipfs/kubo/core/coreiface/options"
	"github.com/ipfs/kubo/core/coreiface/tests"
	"github.com/multiformats/go-multiaddr"

	"github.com/underlay/underlay/internal/itest"
)

// insideSuite is set for the process that runs kubo's own suite. It is a process of its own because its results are
// compared with a table: a test cannot fail a part of itself and go on to pass.
const insideSuite = "UNDERLAY_COREAPI_SUITE"

// Kubo's own tests of its API, driven by its Go client, pass on our peers but for those in the table.
func TestCoreAPI(t *testing.T) {
	suite := exec.Command(os.Args[0], "-test.run", "^TestInsideSuite$", "-test.v", "-test.parallel", "1", "-test.timeout", "5m")
	suite.Env = append(os.Environ(), insideSuite+"=1")
	out, err := suite.CombinedOutput()
	results := suiteResults(out)
	if len(results) < 100 {
		t.Fatalf("kubo's suite ran %d tests: %v\n%s", len(results), err, out)
	}
	known := coreAPIFailures()
	for name, result := range results {
		why, expected := known[name]
		switch {
		case result == "FAIL" && !expected:
			t.Errorf("%s fails", name)
		case result == "PASS" && expected:
			t.Errorf("%s passes, remove it from the table (%s)", name, why)
		}
	}
	for name := range known {
		if results[name] == "" {
			t.Errorf("kubo's suite has no test %s, remove it from the table", name)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
	t.Logf("%d tests, %d of them known to fail", len(results), len(known))
}

// suiteResults reads the verbose output of a test: how each test ended that has none below it.
func suiteResults(out []byte) map[string]string {
	verdict := regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): TestInsideSuite/(\S+)`)
	results := make(map[string]string)
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if m := verdict.FindStringSubmatch(lines.Text()); m != nil {
			results[m[2]] = m[1]
		}
	}
	for name := range results {
		for above := range results {
			if strings.HasPrefix(name, above+"/") {
				delete(results, above)
			}
		}
	}
	return results
}

// TestInsideSuite is kubo's suite; TestCoreAPI runs it.
func TestInsideSuite(t *testing.T) {
	if os.Getenv(insideSuite) == "" {
		t.Skip("run by TestCoreAPI")
	}
	file := settingsFile(t, map[string]any{
		"Pubsub":       map[string]any{"Enabled": true},
		"Experimental": map[string]any{"FilestoreEnabled": true},
		"Provide":      map[string]any{"Enabled": true, "Strategy": "roots"},
	})
	p := &swarmProvider{
		alone:    itest.Start(t, "--config", file, "--peers", "1"),
		together: itest.Start(t, "--config", file, "--peers", strconv.Itoa(mostNodes)),
	}
	tests.TestApi(p)(t)
}

// mostNodes is the size of the largest swarm that the suite asks for.
const mostNodes = 5

// swarmProvider gives the suite peers that are as good as new. A single node is a cluster of one. Several nodes are the
// peers of one cluster: what the suite does with several is to find each other, names, providers and messages, each
// under an identity of its own, and peers of one cluster do that as separate nodes would. Each has its full identity.
// For a node that is offline, every request has the option offline.
type swarmProvider struct {
	alone, together *itest.Cluster
	first           int // index of the peer with which the next swarm begins, before it is brought into range
}

// MakeAPISwarm implements tests.Provider.
func (p *swarmProvider) MakeAPISwarm(t *testing.T, ctx context.Context, _, online bool, n int) ([]iface.CoreAPI, error) {
	peers := p.alone.Peers
	if n > 1 {
		p.first++ // kubo remembers a name that it has resolved even when it publishes it anew: every swarm has another first peer
		peers = slices.Concat(p.together.Peers, p.together.Peers)[p.first%mostNodes:][:n]
	}
	var apis []iface.CoreAPI
	for _, one := range peers {
		addr, err := multiaddr.NewMultiaddr(itest.Multiaddr(one.API))
		if err != nil {
			return nil, err
		}
		api, err := kuborpc.NewApi(addr)
		if err != nil {
			return nil, err
		}
		if err := wipe(one); err != nil {
			return nil, fmt.Errorf("wipe %s: %w", one.Name, err)
		}
		offline, err := api.WithOptions(options.Api.Offline(!online))
		if err != nil {
			return nil, err
		}
		apis = append(apis, offline)
	}
	return apis, nil
}

// wipe takes away what an earlier test has left on a peer: pins, files, keys and blocks.
func wipe(p *itest.Peer) error {
	for _, list := range []struct{ command, pattern, remove string }{
		{"pin/ls?type=recursive&stream=true", `"Cid":"(\w+)"`, "pin/rm"},
		{"pin/ls?type=direct&stream=true", `"Cid":"(\w+)"`, "pin/rm"},
		{"key/list", `"Name":"([^"]+)"`, "key/rm"},
	} {
		command, query, _ := strings.Cut(list.command, "?")
		out, err := p.RPC(command, strings.FieldsFunc(query, func(r rune) bool { return r == '&' })...)
		if err != nil {
			return err
		}
		for _, m := range regexp.MustCompile(list.pattern).FindAllStringSubmatch(out, -1) {
			if m[1] == "self" {
				continue
			}
			if _, err := p.RPC(list.remove, m[1]); err != nil {
				return err
			}
		}
	}
	_, err := p.RPC("repo/gc", "quiet=true")
	return err
}
