package itest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// holders reads who is to hold each pin, by the pin's name.
func (p *Peer) holders() (map[string][]string, error) {
	body, err := p.Do(http.MethodGet, "/allocations")
	if err != nil {
		return nil, err
	}
	all := make(map[string][]string)
	for line := range strings.Lines(string(body)) {
		var pin api.Pin
		if err := json.Unmarshal([]byte(line), &pin); err != nil {
			return nil, err
		}
		for _, id := range pin.Allocations {
			all[pin.Name] = append(all[pin.Name], id.String())
		}
	}
	return all, nil
}

// pinOn pins n files on some of the peers: those who ask for them, and whom the allocator chooses beside them.
func (c *Cluster) pinOn(n, copies int, preferred *Peer) {
	c.t.Helper()
	for i := range n {
		cid, err := preferred.Add(fmt.Appendf(nil, "file %d", i), "pin=false")
		if err != nil {
			c.t.Fatal(err)
		}
		query := fmt.Sprintf("?name=file%d&replication-min=%d&replication-max=%d&user-allocations=%s", i, copies, copies, preferred.ID)
		if _, err := c.Peers[i%len(c.Peers)].Do(http.MethodPost, "/pins/"+cid+query); err != nil {
			c.t.Fatal(err)
		}
	}
}

// A member that stays away for longer than the grace period has its pins held by others, whole; one that comes back in time
// does not.
func TestPinsOfAbsentMember(t *testing.T) {
	t.Parallel() // it waits most of the time
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(settings, []byte("cluster:\n  repin_after: 4s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Start(t, "--config", settings)
	gone := c.others(c.leader())[0]
	stay := slices.DeleteFunc(slices.Clone(c.Peers), func(p *Peer) bool { return p == gone })
	const files = 10
	c.pinOn(files, 2, gone)
	Eventually(t, time.Minute, func() error { return stay[0].heldBy(files, 2) })
	before, err := stay[0].holders()
	if err != nil {
		t.Fatal(err)
	}
	c.Kill(gone)
	c.Restart(gone)
	c.AwaitReady(c.Peers...)
	after, err := stay[0].holders()
	if err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("holders changed from %v to %v for a restart (%v)", before, after, err)
	}

	c.Kill(gone)
	Eventually(t, time.Minute, func() error {
		all, err := stay[0].holders()
		if err != nil {
			return err
		}
		for name, holders := range all {
			if len(holders) != 2 || slices.Contains(holders, gone.ID) {
				return fmt.Errorf("%s is to be held by %v", name, holders)
			}
		}
		return stay[1].heldBy(files, 2)
	})
	c.Restart(gone)
	c.AwaitReady(c.Peers...)
}

// heldBy checks that there are so many pins, and so many peers hold each.
func (p *Peer) heldBy(pins, copies int) error {
	all, err := p.statuses("?filter=pinned")
	if err != nil {
		return err
	}
	if len(all) != pins {
		return fmt.Errorf("%d of %d pins are held", len(all), pins)
	}
	for _, s := range all {
		held := 0
		for _, info := range s.PeerMap {
			if info.Status == "pinned" {
				held++
			}
		}
		if held != copies {
			return fmt.Errorf("%s is held by %d peers, not by %d", s.Name, held, copies)
		}
	}
	return nil
}

// Pins move from the peer that has all to those that have none; a dry run tells the same moves and makes none.
func TestRebalance(t *testing.T) {
	c := Start(t)
	const files = 30
	c.pinOn(files, 1, c.Peers[0])
	tell := func(query string) int {
		body, err := c.Peers[1].Do(http.MethodPost, "/pins/rebalance"+query)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(body), "error") {
			t.Errorf("rebalance%s: %s", query, body)
		}
		return strings.Count(string(body), "\n")
	}
	if moves := tell("?dry-run=true"); moves != 0 {
		t.Errorf("%d pins would be moved away from the peer that their user chose", moves)
	}
	c.forgetChoices()
	before := c.spread()
	moves := tell("?dry-run=true")
	if now := c.spread(); fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("a dry run has moved pins: %v, then %v", before, now)
	}
	if made := tell(""); made != moves || made != files*2/3 {
		t.Errorf("%d moves, the dry run told of %d, want %d", made, moves, files*2/3)
	}
	for id, n := range c.spread() {
		if n != files/3 {
			t.Errorf("%s holds %d of %d pins; before: %v", id, n, files, before)
		}
	}
	if again := tell("?dry-run=true"); again != 0 {
		t.Errorf("%d moves are left", again)
	}
	Eventually(t, time.Minute, func() error { return c.Peers[2].heldBy(files, 1) })
}

// forgetChoices pins everything again without a word on who is to hold it; the holders stay.
func (c *Cluster) forgetChoices() {
	c.t.Helper()
	body, err := c.Peers[0].Do(http.MethodGet, "/allocations")
	if err != nil {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		var pin api.Pin
		if err := json.Unmarshal([]byte(line), &pin); err != nil {
			c.t.Fatal(err)
		}
		query := fmt.Sprintf("?name=%s&replication-min=1&replication-max=1", pin.Name)
		if _, err := c.Peers[1].Do(http.MethodPost, "/pins/"+pin.Cid.String()+query); err != nil {
			c.t.Fatal(err)
		}
	}
}

// spread counts the pins that each peer is to hold.
func (c *Cluster) spread() map[string]int {
	c.t.Helper()
	all, err := c.Peers[2].holders()
	if err != nil {
		c.t.Fatal(err)
	}
	counts := make(map[string]int)
	for _, holders := range all {
		for _, id := range holders {
			counts[id]++
		}
	}
	return counts
}
