package itest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/underlay/underlay/internal/testkit"
)

// The examples for stock clients in docs/clients work through the balancer, as they stand there.
func TestClientExamples(t *testing.T) {
	c := Start(t)
	b := c.Balance()
	examples := filepath.Join(root(), "docs", "clients")

	t.Run("ipfs command line", func(t *testing.T) {
		cmd := exec.Command(filepath.Join(examples, "ipfs.sh"), Multiaddr(b.API))
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(Kubo(t))+":"+os.Getenv("PATH"), "IPFS_PATH="+t.TempDir())
		checkExample(t, c, cmd, "hello from the command line")
	})
	t.Run("Go", func(t *testing.T) {
		cmd := exec.Command("go", "run", "./go", b.API)
		cmd.Dir = examples
		checkExample(t, c, cmd, "hello from Go")
	})
	packages := testkit.NPMInstall(t, examples, "package.json", "kubo-rpc-client.mjs", "ipfs-http-client.mjs", "ipfs-cluster.mjs")
	for _, client := range []string{"kubo-rpc-client", "ipfs-http-client", "ipfs-cluster"} {
		t.Run(client, func(t *testing.T) {
			cmd := exec.Command("node", client+".mjs", b.API)
			cmd.Dir = packages
			checkExample(t, c, cmd, "hello from "+client)
		})
	}
}

// checkExample runs an example and looks for what it shows on its way: the pin, the content, the unpinning. Nothing may
// be left pinned.
func checkExample(t *testing.T, c *Cluster, cmd *exec.Cmd, content string) {
	t.Helper()
	var faults bytes.Buffer
	cmd.Stderr = &faults
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &faults)
	}
	shown := regexp.MustCompile(`(?m)^(bafk\w+).* recursive.*\n` + content + `\nunpinned (bafk\w+)`).FindStringSubmatch(string(out))
	if shown == nil || shown[1] != shown[2] {
		t.Fatalf("it prints\n%s", out)
	}
	for _, p := range c.Peers {
		if pins, err := p.RPC("pin/ls", "type=recursive"); err != nil || strings.Contains(pins, shown[1]) {
			t.Errorf("pins on %s after that: %s, %v", p.Name, pins, err)
		}
	}
}
