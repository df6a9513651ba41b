package itest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

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
