package itest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What goes in through one peer comes out of another, by every command of the stock client that reads content.
func TestCommandsAcrossPeers(t *testing.T) {
	c := Start(t)
	first, second := c.Peers[0], c.Peers[1]
	in := func(args ...string) string {
		return strings.TrimSpace(IPFS(t, append([]string{"--api", Multiaddr(first.API)}, args...)...))
	}
	out := func(args ...string) string {
		return strings.TrimSpace(IPFS(t, append([]string{"--api", Multiaddr(second.API)}, args...)...))
	}
	dir := t.TempDir()
	content := bytes.Repeat([]byte("some content "), 50_000) // several blocks
	if err := os.WriteFile(filepath.Join(dir, "file"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	root := in("add", "-r", "-Q", "--cid-version=1", dir)
	c.Acked(root)

	if got := out("ls", root); !strings.Contains(got, " file") {
		t.Errorf("ls: %s", got)
	}
	if got := out("cat", root+"/file"); got != strings.TrimSpace(string(content)) {
		t.Errorf("cat: %d bytes instead of %d", len(got), len(content))
	}
	target := filepath.Join(t.TempDir(), "got")
	out("get", "-o", target, root+"/file")
	if got, err := os.ReadFile(target); err != nil || !bytes.Equal(got, content) {
		t.Errorf("get: %d bytes, %v", len(got), err)
	}
	if refs := strings.Fields(out("refs", "-r", root)); len(refs) < 3 {
		t.Errorf("refs: %v", refs)
	}

	block := filepath.Join(dir, "file")
	cid := in("block", "put", "--cid-codec=raw", "--pin", block)
	c.Acked(cid)
	if got := out("block", "stat", cid); !strings.Contains(got, cid) {
		t.Errorf("block stat: %s", got)
	}
	node := filepath.Join(dir, "node.json")
	if err := os.WriteFile(node, []byte(`{"hello":{"/":"`+root+`"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	dag := in("dag", "put", "--pin", node)
	c.Acked(dag)
	if got := out("dag", "get", dag+"/hello/file"); got == "" {
		t.Error("dag get: nothing")
	}

	for _, cid := range []string{root, cid, dag} {
		if got := out("pin", "ls", "--type=recursive", cid); !strings.Contains(got, cid+" recursive") {
			t.Errorf("pin ls on another peer: %s", got)
		}
		Eventually(t, 30*time.Second, func() error { return second.PinnedEverywhere(cid, len(c.Peers)) })
	}
	out("pin", "rm", cid)
	c.Unpinned(cid)
	if _, err := first.RPC("pin/ls", cid, "type=recursive"); err == nil {
		t.Error("a pin that was removed through the second peer is still listed by the first")
	}
	out("pin", "add", cid)
	c.Acked(cid)
	if got := in("pin", "ls", "--type=recursive", cid); !strings.Contains(got, cid) {
		t.Errorf("pin ls after pin add on another peer: %s", got)
	}
	if a, b := in("id", "-f", "<id>"), out("id", "-f", "<id>"); a == b || a == "" {
		t.Errorf("each node has its own identity: %s, %s", a, b)
	}
	if got := out("version", "-n"); got != "0.42.0" {
		t.Errorf("version: %s", got)
	}
}

// Content that was never pinned, on one peer only, is served by the gateway of another.
func TestGatewayFetchesFromOtherPeers(t *testing.T) {
	c := Start(t)
	content := []byte("on one peer only")
	cid, err := c.Peers[0].Add(content, "pin=false")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	got, err := c.Peers[2].Fetch("/ipfs/" + cid)
	if err != nil || !bytes.Equal(got, content) {
		t.Fatalf("%q, %v", got, err)
	}
	t.Logf("first byte after %s", time.Since(began))
	if st, err := c.Peers[2].Status(cid); err != nil || st.PeerMap[c.Peers[2].ID].Status.String() != "unpinned" {
		t.Errorf("reading must not pin: %v, %v", st, err)
	}
}

// A name published through one peer is served by the gateway of another.
func TestGatewayServesNames(t *testing.T) {
	c := Start(t)
	cid, err := c.Peers[0].Add([]byte("behind a name"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	name := lastLine(IPFS(t, "--api", Multiaddr(c.Peers[0].API), "name", "publish", "-Q", "/ipfs/"+cid))
	for _, p := range c.Peers {
		got, err := p.Fetch("/ipns/" + name)
		if err != nil || string(got) != "behind a name" {
			t.Errorf("%s: %q, %v", p.Name, got, err)
		}
	}
}
