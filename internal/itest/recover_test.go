package itest

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Two of three peers are lost with their disks: the third waits, says so, and still serves what it has. Told to recover,
// it goes on alone with everything that was acknowledged, and new peers join it.
func TestRecoverFromLostMajority(t *testing.T) {
	c := Start(t)
	cid, err := c.Peers[0].Add([]byte("on all three"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	survivor := c.Peers[2]
	Eventually(t, 30*time.Second, func() error { return survivor.PinnedEverywhere(cid, 3) })
	c.Kill(c.Peers[0])
	c.Kill(c.Peers[1])

	Eventually(t, 20*time.Second, func() error { return notReady(survivor) })
	if _, err := survivor.Fetch("/ipfs/" + cid); err != nil {
		t.Errorf("without a majority the gateway must go on: %v", err)
	}
	if _, err := survivor.Do("GET", "/allocations/"+cid+"?consistency=stale"); err != nil {
		t.Errorf("a stale read must work without a leader: %v", err)
	}

	data := filepath.Join(survivor.dir, "data")
	if out, err := underlay(t, "recover-majority", "--data-dir", data, "--yes"); err == nil || !strings.Contains(out, "in use by another process") {
		t.Errorf("recovered a running peer: %v: %s", err, out)
	}
	c.Stop(survivor)
	cmd := exec.Command(Underlay(t), "recover-majority", "--data-dir", data)
	cmd.Stdin = strings.NewReader("no\n")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "nothing was changed") {
		t.Errorf("recovered without being told to: %v: %s", err, out)
	}
	if out, err := underlay(t, "recover-majority", "--data-dir", data, "--yes"); err != nil || !strings.Contains(out, "only member") {
		t.Fatalf("%v: %s", err, out)
	}
	c.Restart(survivor)
	c.AwaitReady(survivor)
	more, err := survivor.Add([]byte("after the recovery"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(more)

	fresh := c.newcomer("peer4", 2)
	c.AwaitReady(fresh)
	for _, cid := range []string{cid, more} {
		Eventually(t, 30*time.Second, func() error { return fresh.PinnedEverywhere(cid, 2) })
	}
}

var errStillReady = errors.New("the peer still says that all is well")

// notReady returns nil when the peer's health is not good.
func notReady(p *Peer) error {
	if err := health(p); err == nil {
		return errStillReady
	}
	return nil
}
