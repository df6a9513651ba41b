package itest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/denial"
)

// everywhere waits until the gateways of all peers answer a path with a status.
func (c *Cluster) everywhere(path string, want int) {
	c.t.Helper()
	Eventually(c.t, 20*time.Second, func() error {
		for _, p := range c.Peers {
			if got := p.status(path); got != want {
				return fmt.Errorf("%s through %s: %d, want %d", path, p.Name, got, want)
			}
		}
		return nil
	})
}

// status is that of a gateway's answer, 0 if there is none.
func (p *Peer) status(path string) int {
	_, err := p.Fetch(path)
	if status, ok := asStatus(err); ok {
		return status
	}
	if err != nil {
		return 0
	}
	return 200
}

// What is denied through one peer is denied by the gateways of all, also of one that was down, and of a cluster that was
// restored from a backup; the private API still has it. Taken back, it is served again.
func TestDeny(t *testing.T) {
	c := Start(t)
	u := c.shell()
	cid, err := c.Peers[0].Add([]byte("denied"), "cid-version=1")
	if err != nil {
		t.Fatal(err)
	}
	content := "/ipfs/" + cid
	c.everywhere(content, 200)
	c.Kill(c.Peers[2])

	var made denial.Rule
	out := u.must("--api", c.Peers[0].API, "--json", "deny", "add", "--legal", "--reason=court order", cid)
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Rule != content || made.Status != 451 || made.Reason != "court order" || made.By == "" {
		t.Errorf("deny add: %s, %v", out, err)
	}
	if got := c.Peers[0].status(content); got != 451 {
		t.Errorf("where it was denied: %d", got)
	}
	if out := u.must("deny", "add", "/ipns/Example.org/a"); out != "denied /ipns/example.org/a\n" {
		t.Errorf("deny add: %q", out)
	}
	if out := u.run("", "deny", "add", "nothing"); out.code != 2 || !strings.Contains(out.stderr, "invalid rule") {
		t.Errorf("deny add: %+v", out)
	}
	c.Restart(c.Peers[2])
	c.everywhere(content, 451)

	for _, p := range c.Peers {
		if out := u.must("--api", p.API, "deny", "ls", "-q"); out != content+"\n/ipns/example.org/a\n" {
			t.Errorf("deny ls through %s: %q", p.Name, out)
		}
		if got, err := p.RPC("cat", "arg="+cid); err != nil || got != "denied" {
			t.Errorf("private API of %s: %q, %v", p.Name, got, err)
		}
	}
	if out := u.must("deny", "ls"); !strings.Contains(out, "court order") || !strings.Contains(out, "451") || !strings.Contains(out, "default") {
		t.Errorf("deny ls: %s", out)
	}

	file := filepath.Join(t.TempDir(), "backup")
	u.must("backup", file)
	if out := u.must("deny", "rm", cid, "/ipns/example.org/a"); !strings.HasPrefix(out, "no longer denied: "+cid+"\n") {
		t.Errorf("deny rm: %q", out)
	}
	c.everywhere(content, 200)
	if out := u.run("", "deny", "rm", cid); out.code != 3 {
		t.Errorf("deny rm twice: %+v", out)
	}
	u.must("restore", "--force", file)
	c.everywhere(content, 451)
}

// A list in the data directory is in force, also after a start, and followed.
func TestDenylistFiles(t *testing.T) {
	c := Start(t, "--peers", "1")
	p := c.Peers[0]
	cid, err := p.Add([]byte("denied by a file"), "cid-version=1")
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(p.dir, "data", "denylists", "one.deny")
	writeList(t, list, "/ipfs/"+cid+"\n")
	c.everywhere("/ipfs/"+cid, 410)
	c.Kill(p)
	c.Restart(p)
	c.everywhere("/ipfs/"+cid, 410)
	writeList(t, list, "version: 1\nname: another\n---\n")
	c.everywhere("/ipfs/"+cid, 200)
}

func writeList(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
