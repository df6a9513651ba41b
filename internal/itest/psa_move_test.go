package itest

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A pin that the cluster has given other holders still goes with the last request for it, unless somebody has pinned its
// CID since through another API.
func TestRequestsOfMovedPins(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(settings, []byte("cluster:\n  replication_min: 1\n  replication_max: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Start(t, "--config", settings)
	const total = 12
	var made []PinRequest
	for n := range total {
		name := fmt.Sprintf("request %d", n)
		m, err := c.Peers[n%len(c.Peers)].AskToPin(InlineCid(name), name)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, m)
	}
	moved := c.rebalance()
	if len(moved) < 2 {
		t.Fatalf("only %d pins were moved", len(moved))
	}
	theirs := moved[0]
	if _, err := c.Peers[0].Do(http.MethodPost, "/pins/"+theirs); err != nil {
		t.Fatal(err)
	}
	for n, m := range made {
		if err := c.Peers[n%len(c.Peers)].EndRequest(m.RequestID); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range c.Peers {
		left, err := p.Allocations()
		if err != nil {
			t.Fatal(err)
		}
		if len(left) != 1 || left[theirs] == "" {
			t.Errorf("%s lists %v after the last request, want %s alone, which was pinned again", p.Name, slices.Collect(maps.Keys(left)), theirs)
		}
	}
}

// rebalance moves pins until they are spread evenly, and returns the CIDs of those whose holders have changed.
func (c *Cluster) rebalance() (moved []string) {
	c.t.Helper()
	before, err := c.Peers[0].holders()
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.Peers[0].Do(http.MethodPost, "/pins/rebalance"); err != nil {
		c.t.Fatal(err)
	}
	after, err := c.Peers[0].holders()
	if err != nil {
		c.t.Fatal(err)
	}
	for name, holders := range after {
		if !slices.Equal(holders, before[name]) {
			moved = append(moved, InlineCid(name))
		}
	}
	return moved
}
