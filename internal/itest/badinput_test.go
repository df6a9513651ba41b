package itest

import (
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Requests that cannot be right get a 4xx that says why, and change nothing.
func TestBadRequests(t *testing.T) {
	c := Start(t)
	p := c.Peers[0]
	kept, err := p.Add([]byte("must stay as it is"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(kept)
	before, err := p.Allocations()
	if err != nil {
		t.Fatal(err)
	}
	const absent = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
	for _, r := range []struct {
		name, method, url, says string
		code                    int
	}{
		{"REST: pin of no CID", "POST", p.REST + "/pins/nonsense", "cid", 400},
		{"REST: bad path", "POST", p.REST + "/pins/ipfs/nonsense/a", "", 400},
		{"REST: bad option", "POST", p.REST + "/pins/" + kept + "?replication-min=x", "", 400},
		{"REST: absent pin", "DELETE", p.REST + "/pins/" + absent, "pinset", 404},
		{"REST: absent allocation", "GET", p.REST + "/allocations/" + absent, "pinset", 404},
		{"REST: unknown route", "GET", p.REST + "/nothing", "", 404},
		{"REST: wrong method", "PUT", p.REST + "/pins/" + kept, "", 405},
		{"RPC: no argument", "POST", p.API + "/api/v0/pin/add", `argument "ipfs-path" is required`, 400},
		{"RPC: bad option value", "POST", p.API + "/api/v0/pin/add?arg=" + kept + "&progress=banana", "could not convert", 400},
		{"RPC: unknown command", "POST", p.API + "/api/v0/nothing", "404", 404},
		{"RPC: GET", "GET", p.API + "/api/v0/pin/rm?arg=" + kept, "405", 405},
		{"RPC: add without a body", "POST", p.API + "/api/v0/add", "argument", 400},
		{"RPC: shutdown", "POST", p.API + "/api/v0/shutdown", "not stopped through its API", 403},
		{"gateway: bad CID", "GET", p.Gateway + "/ipfs/nonsense", "", 400},
		{"gateway: private API", "GET", p.Gateway + "/api/v0/id", "", 404},
	} {
		_, err := p.Do(r.method, r.url)
		var status *StatusError
		if !errors.As(err, &status) || status.Code != r.code || !strings.Contains(strings.ToLower(status.Body), strings.ToLower(r.says)) {
			t.Errorf("%s: %v; want status %d and %q", r.name, err, r.code, r.says)
		}
	}
	if code := crossOrigin(t, p.API+"/api/v0/pin/rm?arg="+kept); code != http.StatusForbidden {
		t.Errorf("a page of another site may unpin: status %d", code)
	}
	after, err := p.Allocations()
	if err != nil || !maps.Equal(before, after) {
		t.Errorf("the pinset has changed, or cannot be read: %v\nbefore %v\nafter  %v", err, before, after)
	}
}

func crossOrigin(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://evil.example")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// daemon runs `underlay daemon` with flags until it ends by itself, and returns its exit code and output.
func daemon(t *testing.T, flags ...string) (int, string) {
	t.Helper()
	cmd := exec.Command(Underlay(t), append([]string{"daemon"}, flags...)...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait() // the exit code tells
	return cmd.ProcessState.ExitCode(), out.String()
}

// flagsFor are flags for a peer of its own on free ports.
func flagsFor(t *testing.T, dir string) []string {
	base := FreePorts(t)
	port := func(offset int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(base+offset)) }
	return []string{
		"--data-dir", dir, "--public-network=false", "--gateway-listen", port(80), "--api-listen", port(95),
		"--api-rest-listen", port(94), "--psa-listen", port(97), "--cluster-listen", port(96), "--ipfs", `Addresses.Swarm=["/ip4/127.0.0.1/tcp/` + strconv.Itoa(base+1) + `"]`,
	}
}

// What makes a start impossible ends the process with a message that names it.
func TestBadStarts(t *testing.T) {
	c := Start(t)
	taken := strings.TrimPrefix(c.Peers[0].Gateway, "http://")
	unwritable := filepath.Join(t.TempDir(), "file", "dir")
	if err := os.WriteFile(filepath.Dir(unwritable), []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(t.TempDir(), "underlay.yaml")
	if err := os.WriteFile(settings, []byte("gateway:\n  lisen: 127.0.0.1:0\ncluster:\n  secret: abc\nipfs:\n  Pubsub:\n    Enable: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	inUse := filepath.Join(c.Peers[0].dir, "data")
	fresh := filepath.Join(t.TempDir(), "fresh")
	for _, r := range []struct {
		name  string
		flags []string
		code  int
		says  []string
	}{
		{"taken port", append(flagsFor(t, fresh), "--gateway-listen", taken), 1, []string{"gateway.listen", taken, "address already in use"}},
		{"unwritable directory", flagsFor(t, unwritable), 1, []string{unwritable, "not a directory"}},
		{"directory in use", flagsFor(t, inUse), 1, []string{inUse, "in use by another process"}},
		{"wrong settings, all named", []string{"--config", settings}, 2, []string{"lisen", "cluster.secret", "ipfs.Pubsub.Enable", "line"}},
		{"no such settings file", []string{"--config", settings + ".absent"}, 2, []string{settings + ".absent"}},
		{"unknown flag", []string{"--gateway-lisen", "x"}, 2, []string{"gateway-lisen"}},
		{"wrong secret", append(flagsFor(t, fresh), "--cluster-secret", strings.Repeat("ab", 32), "--cluster-peers", c.clusterAddr(0)), 1, []string{c.clusterAddr(0), "secrets differ"}},
	} {
		code, out := daemon(t, r.flags...)
		if code != r.code {
			t.Errorf("%s: exit code %d, want %d", r.name, code, r.code)
		}
		for _, text := range r.says {
			if !strings.Contains(out, text) {
				t.Errorf("%s: the output does not say %q:\n%s", r.name, text, out)
			}
		}
		if strings.Contains(out, "goroutine ") {
			t.Errorf("%s: the output has a stack:\n%s", r.name, out)
		}
		if r.name == "taken port" {
			if _, err := os.Stat(fresh); !os.IsNotExist(err) {
				t.Errorf("%s: the data directory was made all the same: %v", r.name, err)
			}
		}
	}
	c.AwaitReady(c.Peers...) // none of this disturbed the running cluster
	if members, err := c.Peers[0].Do("GET", "/peers"); err != nil || strings.Count(string(members), `"peername"`) != 3 {
		t.Errorf("the cluster's members have changed: %v\n%s", err, members)
	}
}

// clusterAddr is the address of a peer in the private network.
func (c *Cluster) clusterAddr(n int) string {
	host, port, err := net.SplitHostPort(strings.TrimPrefix(c.Peers[n].API, "http://"))
	if err != nil {
		c.t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		c.t.Fatal(err)
	}
	return net.JoinHostPort(host, strconv.Itoa(number+1)) // the layout of `underlay dev`
}
