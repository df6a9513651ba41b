package itest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The stock cluster client does its work through different peers: add, pin by CID and by path, update, status, unpin.
func TestStockClusterClient(t *testing.T) {
	c := Start(t)
	ctl := func(p *Peer, args ...string) string {
		return strings.TrimSpace(Ctl(t, append([]string{"--host", Multiaddr(p.REST)}, args...)...))
	}
	if got := ctl(c.Peers[0], "id"); !strings.Contains(got, c.Peers[0].ID) || !strings.Contains(got, "Sees 2 other peers") {
		t.Errorf("id: %s", got)
	}
	for _, p := range c.Peers {
		if got := ctl(p, "peers", "ls"); strings.Count(got, "Sees 2 other peers") != 3 {
			t.Errorf("peers ls on %s: %s", p.Name, got)
		}
	}
	if got := ctl(c.Peers[1], "health", "graph"); strings.Count(got, "->") < 9 { // every pair, and each with its node
		t.Errorf("health graph: %s", got)
	}

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("added with ipfs-cluster-ctl"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := lastLine(ctl(c.Peers[0], "add", "-r", "-Q", "--name", "a tree", dir))
	c.Acked(root)
	if got, err := c.Peers[2].Fetch("/ipfs/" + root + "/file"); err != nil || string(got) != "added with ipfs-cluster-ctl" {
		t.Errorf("%q, %v", got, err)
	}
	Eventually(t, 30*time.Second, func() error { return c.Peers[1].PinnedEverywhere(root, len(c.Peers)) })

	ctl(c.Peers[1], "pin", "add", "--name", "by path", "/ipfs/"+root+"/file")
	if got := ctl(c.Peers[2], "pin", "ls"); !strings.Contains(got, "by path") || !strings.Contains(got, "a tree") {
		t.Errorf("pin ls: %s", got)
	}
	ctl(c.Peers[2], "pin", "rm", "/ipfs/"+root+"/file")
	if got := ctl(c.Peers[0], "pin", "ls"); strings.Contains(got, "by path") {
		t.Errorf("pin ls after pin rm: %s", got)
	}

	other, err := c.Peers[0].Add([]byte("the next version"), "pin=false")
	if err != nil {
		t.Fatal(err)
	}
	ctl(c.Peers[1], "pin", "update", root, other)
	c.Acked(other)
	if pin, err := c.Peers[2].Allocation(other); err != nil || pin.Name != "a tree" {
		t.Errorf("after pin update: %v, %v", pin, err)
	}
	if got := ctl(c.Peers[0], "status", "--filter", "pinned"); strings.Count(got, ": PINNED") < 2*len(c.Peers) {
		t.Errorf("status: %s", got)
	}
	if got := ctl(c.Peers[0], "recover", other); !strings.Contains(got, "PINNED") {
		t.Errorf("recover: %s", got)
	}
	if got := ctl(c.Peers[0], "ipfs", "gc"); strings.Contains(strings.ToLower(got), "error") {
		t.Errorf("ipfs gc: %s", got)
	}
	if got, err := c.Peers[1].Fetch("/ipfs/" + root + "/file"); err != nil {
		t.Errorf("garbage collection took pinned blocks: %q, %v", got, err)
	}
}

// Replication factors decide how many peers hold a pin; the others fetch it when they are asked for it.
func TestReplicationFactor(t *testing.T) {
	c := Start(t)
	Eventually(t, time.Minute, func() error { // allocation needs every peer's metrics
		_, err := c.Peers[0].Do("POST", "/pins/bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy?replication=3")
		return err
	})
	if _, err := c.Peers[0].Do("DELETE", "/pins/bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"); err != nil {
		t.Fatal(err)
	}
	cid, err := c.Peers[1].Add([]byte("on two of three"), "pin=false")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Peers[0].Do("POST", "/pins/"+cid+"?replication=2"); err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	pin, err := c.Peers[2].Allocation(cid)
	if err != nil || len(pin.Allocations) != 2 {
		t.Fatalf("allocations %v, %v", pin.Allocations, err)
	}
	Eventually(t, 30*time.Second, func() error { return c.Peers[2].PinnedEverywhere(cid, 2) })
	for _, p := range c.Peers {
		if _, err := p.Fetch("/ipfs/" + cid); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}
