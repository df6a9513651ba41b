package itest

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// pinSpec is a pin as a user asks for it.
type pinSpec struct {
	name   string
	mode   string            // "" is recursive
	expiry time.Time         // zero: permanent
	meta   map[string]string // nil: none
}

func (s pinSpec) query() string {
	q := url.Values{}
	if s.name != "" {
		q.Set("name", s.name)
	}
	if s.mode != "" {
		q.Set("mode", s.mode)
	}
	if !s.expiry.IsZero() {
		q.Set("expire-at", s.expiry.Format(time.RFC3339))
	}
	for k, v := range s.meta {
		q.Set("meta-"+k, v)
	}
	return q.Encode()
}

// check compares a pin with what was asked for.
func (s pinSpec) check(pin api.Pin) error {
	mode, depth := api.PinModeRecursive, api.PinDepth(-1)
	if s.mode == "direct" {
		mode, depth = api.PinModeDirect, 0
	}
	switch {
	case pin.Name != s.name:
		return fmt.Errorf("name is %q, want %q", pin.Name, s.name)
	case pin.Mode != mode || pin.MaxDepth != depth:
		return fmt.Errorf("mode is %s to depth %d, want %s to depth %d", pin.Mode, pin.MaxDepth, mode, depth)
	case !pin.ExpireAt.Equal(s.expiry):
		return fmt.Errorf("expiry is %s, want %s", pin.ExpireAt, s.expiry)
	case !maps.Equal(pin.Metadata, s.meta):
		return fmt.Errorf("metadata is %v, want %v", pin.Metadata, s.meta)
	}
	return nil
}

// Pins with and without each field, in an order in which the fields of one would show in the next if entries were
// decoded into a value that is used again. They come out exact on every peer, also on those that were away meanwhile.
func TestPinFieldsDoNotLeak(t *testing.T) {
	c := Start(t)
	expiry := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	full := pinSpec{"full", "", expiry, map[string]string{"owner": "someone", "kind": "all fields"}}
	rounds := [][]pinSpec{
		{full, {}, {name: "only a name"}, {}, {mode: "direct"}, {}},
		{{mode: "direct", name: "direct one", meta: map[string]string{"a": "1"}}, {meta: map[string]string{"b": "2"}}, {}, full, {mode: "direct"}},
		{{expiry: expiry}, {name: "permanent"}, {}, {expiry: expiry, mode: "direct"}, {}},
	}
	want := make(map[string]pinSpec)
	for round, specs := range rounds {
		away := c.Peers[round%len(c.Peers)] // misses this round: replays it from the log, or gets a snapshot
		c.Stop(away)
		here := c.others(away)
		for i, spec := range specs {
			cid, err := here[0].Add(fmt.Appendf(nil, "content %d of round %d", i, round), "pin=false")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := here[i%len(here)].Do("POST", "/pins/"+cid+"?"+spec.query()); err != nil {
				t.Fatal(err)
			}
			c.Acked(cid)
			want[cid] = spec
		}
		c.Restart(away)
		c.AwaitReady(away)
		for cid, spec := range want {
			for _, p := range c.Peers {
				pin, err := p.Allocation(cid)
				if err == nil {
					err = spec.check(pin)
				}
				if err != nil {
					t.Errorf("round %d: %s on %s: %v", round, cid, p.Name, err)
				}
			}
		}
	}
	for cid, spec := range want {
		c.checkLocalMode(cid, spec)
	}
}

// checkLocalMode verifies that every node pins as the pinset says: direct stays direct, end to end.
func (c *Cluster) checkLocalMode(cid string, spec pinSpec) {
	c.t.Helper()
	kind := "recursive"
	if spec.mode == "direct" {
		kind = "direct"
	}
	for _, p := range c.Peers {
		Eventually(c.t, 30*time.Second, func() error { return p.PinnedEverywhere(cid, len(c.Peers)) })
		answer, err := p.RPC("pin/ls", cid, "type="+kind)
		if err != nil {
			c.t.Errorf("pin ls on %s: %s should be %s: %v (%s)", p.Name, cid, kind, err, answer)
		}
	}
}

// A pin that is replaced loses what the new request does not say.
func TestRepinReplacesFields(t *testing.T) {
	c := Start(t)
	cid, err := c.Peers[0].Add([]byte("pinned twice"), "")
	if err != nil {
		t.Fatal(err)
	}
	first := pinSpec{name: "first", meta: map[string]string{"k": "v"}, expiry: time.Now().Add(time.Hour).UTC().Truncate(time.Second)}
	for _, spec := range []pinSpec{first, {name: "second"}, {}} {
		if _, err := c.Peers[1].Do("POST", "/pins/"+cid+"?"+spec.query()); err != nil {
			t.Fatal(err)
		}
		for _, p := range slices.Backward(c.Peers) {
			pin, err := p.Allocation(cid)
			if err == nil {
				err = spec.check(pin)
			}
			if err != nil {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
	}
	c.Acked(cid)
}
