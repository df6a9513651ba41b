package itest

import (
	"encoding/json"
	"strings"
	"testing"
)

// Behind the balancer consecutive requests reach different peers, and the stock client works.
func TestBalancerTakesTurns(t *testing.T) {
	c := Start(t)
	b := c.Balance()
	seen := make(map[string]bool)
	for range 2 * len(c.Peers) {
		resp, err := b.Post(b.API+"/api/v0/id", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := readAnswer(resp)
		if err != nil {
			t.Fatal(err)
		}
		var id struct{ ID string }
		if err := json.Unmarshal(body, &id); err != nil {
			t.Fatal(err)
		}
		seen[id.ID] = true
	}
	if len(seen) != len(c.Peers) {
		t.Errorf("%d peers answered, want %d", len(seen), len(c.Peers))
	}
	out := IPFS(t, "--api", Multiaddr(b.API), "add", "-Q", root()+"/README.md")
	if c := strings.TrimSpace(out); !strings.HasPrefix(c, "Qm") {
		t.Errorf("add through the balancer printed %q", out)
	}
}
