package itest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A developer sees where the peers are and what to try, hears of a peer's death, and stops all with one signal.
func TestDevTellsAndStops(t *testing.T) {
	c := Start(t)
	output := func() string {
		raw, err := os.ReadFile(filepath.Join(c.Dir, "dev.log"))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	for _, p := range c.Peers {
		for _, text := range []string{p.Name, p.Gateway, p.API, p.REST, p.PSA, strconv.Itoa(p.PID)} {
			Eventually(t, 5*time.Second, func() error { return contains(output(), text) })
		}
	}
	for _, text := range []string{"curl -F", "ipfs --api", "ipfs-cluster-ctl"} {
		if err := contains(output(), text); err != nil {
			t.Error(err)
		}
	}
	dead := c.Peers[1]
	c.Kill(dead)
	Eventually(t, 5*time.Second, func() error {
		return contains(output(), fmt.Sprintf("%s (process %d) ended: signal: killed", dead.Name, dead.PID))
	})

	began := time.Now()
	if err := c.dev.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.others(dead) {
		c.awaitExit(p)
		p.running = false
	}
	t.Logf("two peers stopped in %s", time.Since(began))
	for _, p := range c.Peers {
		raw, err := os.ReadFile(filepath.Join(p.dir, "underlay.log"))
		if err != nil {
			t.Fatal(err)
		}
		if p != dead && !strings.Contains(string(raw), "msg=stopped") {
			t.Errorf("%s did not stop cleanly", p.Name)
		}
	}
}

func contains(s, text string) error {
	if !strings.Contains(s, text) {
		return fmt.Errorf("the output does not say %q:\n%s", text, s)
	}
	return nil
}

// Data in --dir outlives the cluster; settings given with --config reach every peer.
func TestDevKeepsDataAndAppliesSettings(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "all.yaml")
	if err := os.WriteFile(settings, []byte("ipfs:\n  Pubsub:\n    Enabled: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{"--dir", dir, "--config", settings}
	first := Start(t, args...)
	for _, p := range first.Peers {
		if got, err := p.RPC("config", "Pubsub.Enabled"); err != nil || !strings.Contains(got, "true") {
			t.Errorf("Pubsub.Enabled on %s: %s, %v", p.Name, got, err)
		}
	}
	cid, err := first.Peers[0].Add([]byte("kept in --dir"), "")
	if err != nil {
		t.Fatal(err)
	}
	first.Acked(cid)
	first.close()

	second := Start(t, args...)
	second.Acked(cid)
	for i, p := range second.Peers {
		if p.ID != first.Peers[i].ID {
			t.Errorf("%s has another identity than before", p.Name)
		}
		if _, err := p.Fetch("/ipfs/" + cid); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

// A taken port is named before anything starts.
func TestDevNamesTakenPorts(t *testing.T) {
	c := Start(t)
	base, err := strconv.Atoi(c.Peers[0].API[strings.LastIndex(c.Peers[0].API, ":")+1:])
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	out, err := exec.Command(Underlay(t), "dev", "--dir", dir, "--base-port", strconv.Itoa(base-95)).CombinedOutput()
	if err == nil {
		t.Fatalf("a second cluster started on the same ports:\n%s", out)
	}
	for _, text := range []string{"gateway of peer1", "REST of peer3", "--base-port"} {
		if err := contains(string(out), text); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("something was written: %v, %v", entries, err)
	}
}

// The children do not outlive a parent that is killed.
func TestDevChildrenEndWithTheirParent(t *testing.T) {
	c := Start(t)
	if err := c.dev.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Peers {
		Eventually(t, 20*time.Second, func() error {
			if err := syscall.Kill(p.PID, 0); err == nil {
				return fmt.Errorf("%s is still there", p.Name)
			}
			return nil
		})
		p.running = false
	}
}
