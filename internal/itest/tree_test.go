package itest

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A real directory tree goes in through the second peer with the stock client, and comes out of the gateways of the
// other two byte by byte; the stock cluster client sees it pinned on all three.
func TestTreeThroughStockClients(t *testing.T) {
	c := Start(t)
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	tree := filepath.Join(strings.TrimSpace(string(goroot)), "src", "net")
	root := lastLine(IPFS(t, "--api", Multiaddr(c.Peers[1].API), "add", "-r", "-Q", tree))
	c.Acked(root)

	files := 0
	err = filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(tree, path)
		if err != nil {
			return err
		}
		for _, p := range []*Peer{c.Peers[0], c.Peers[2]} {
			got, err := p.Fetch("/ipfs/" + root + "/" + filepath.ToSlash(name))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s through %s: %d bytes instead of %d, error %v", name, p.Name, len(got), len(want), err)
			}
		}
		files++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 400 {
		t.Fatalf("the tree has only %d files", files)
	}
	t.Logf("%d files compared through two gateways", files)

	for _, p := range c.Peers {
		Eventually(t, 30*time.Second, func() error { return p.PinnedEverywhere(root, len(c.Peers)) })
		status := Ctl(t, "--host", Multiaddr(p.REST), "status", root)
		if strings.Count(status, ": PINNED") != len(c.Peers) {
			t.Errorf("ipfs-cluster-ctl on %s:\n%s", p.Name, status)
		}
	}
	listing, err := c.Peers[2].Fetch("/ipfs/" + root + "/http/")
	if err != nil || !bytes.Contains(listing, []byte("server.go")) {
		t.Errorf("no directory listing: %v\n%.300s", err, listing)
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
