package peer

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/pinstatus"
)

// standingOf asks r how the peers stand with a CID.
func standingOf(t *testing.T, r *running, c api.Cid) pinstatus.Standing {
	t.Helper()
	pins, err := r.Requests().Standings(t.Context(), []api.Cid{c})
	if err != nil {
		t.Fatal(err)
	}
	return pins[0]
}

// Every peer can tell how all that shall hold a pin stand with it, what they wait for, and who cannot be asked.
func TestStandings(t *testing.T) {
	dir, addrs := t.TempDir(), freePorts(t, 2)
	a := startPeer(t, testOptions(filepath.Join(dir, "a"), addrs[0], addrs...))
	b := startPeer(t, testOptions(filepath.Join(dir, "b"), addrs[1], addrs...))
	a.awaitReady()
	b.awaitReady()
	root, _ := a.addTree("held by both")
	a.pinned(root.Cid(), api.PinModeRecursive, "", false)
	held := api.NewCid(root.Cid())
	nowhere, _ := tree(t, "to be had nowhere")
	lost := api.NewCid(nowhere.Cid())
	one, _ := b.addTree("held by one")
	single := api.NewCid(one.Cid())
	for c, o := range map[api.Cid]api.PinOptions{
		lost:   {ReplicationFactorMin: -1, ReplicationFactorMax: -1},
		single: {ReplicationFactorMin: 1, ReplicationFactorMax: 1, UserAllocations: []peer.ID{b.ID()}},
	} {
		if _, err := a.API().Pin(t.Context(), c, o); err != nil {
			t.Fatal(err)
		}
	}
	absent, _ := tree(t, "asked for by nobody")
	for _, r := range []*running{a, b} {
		eventually(t, "both hold it", func() bool {
			p := standingOf(t, r, held)
			return p.Safe() && p.Held() == 2 && p.Need == 2 && p.Away == 0
		})
		eventually(t, "both look for the blocks", func() bool {
			p := standingOf(t, r, lost)
			return p.Wanted && !p.Safe() && len(p.Holders) == 2 && p.Holders[0].Status == api.TrackerStatusPinning && p.Holders[1].Status == api.TrackerStatusPinning
		})
		eventually(t, "one holds it", func() bool {
			p := standingOf(t, r, single)
			return p.Safe() && len(p.Holders) == 1 && p.Holders[0].ID == b.ID() && p.Need == 1
		})
		if p := standingOf(t, r, api.NewCid(absent.Cid())); p.Wanted || p.Safe() {
			t.Errorf("what is not pinned stands as %+v", p)
		}
		for _, other := range []*running{a, b} {
			eventually(t, r.opts.Name+" knows the node of "+other.opts.Name, func() bool { // once they have greeted each other
				nodes, err := r.Requests().Nodes(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				addrs := nodes[other.ID()]
				return len(addrs) > 0 && strings.HasSuffix(addrs[0].String(), "/p2p/"+other.Node().Identity.String())
			})
		}
	}
	b.stop()
	if p := standingOf(t, a, held); p.Safe() || p.Away != 1 || p.Held() != 1 {
		t.Errorf("while one is away, what both hold stands as %+v", p)
	}
	if p := standingOf(t, a, single); p.Safe() || p.Away != 1 || len(p.Holders) != 0 {
		t.Errorf("while its holder is away, a pin stands as %+v", p)
	}
}

// Of a node that the world can reach only those addresses are given away at which it can.
func TestReachable(t *testing.T) {
	all := func(texts ...string) (addrs []api.Multiaddr) {
		for _, s := range texts {
			a, err := api.NewMultiaddr(s)
			if err != nil {
				t.Fatal(err)
			}
			addrs = append(addrs, a)
		}
		return addrs
	}
	const public, local, private = "/ip4/8.8.8.8/tcp/1", "/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1"
	for _, c := range []struct{ have, want []api.Multiaddr }{
		{all(local, public, private), all(public)}, {all(local, private), all(local, private)}, {nil, nil},
	} {
		got := reachable(c.have)
		if len(got) != len(c.want) || len(got) > 0 && got[0].String() != c.want[0].String() {
			t.Errorf("of %v: %v, want %v", c.have, got, c.want)
		}
	}
}

// Who says that he has failed is no more away than who holds the pin; who is cut off is, and so is who is no member any more.
func TestStandingFromAccounts(t *testing.T) {
	pin := surveyedPins(t, 1)[0]
	end := surveyRecord{kind: surveyEnd}
	holds := accountOf(t, io.EOF, end)
	fails := accountOf(t, io.EOF, differing(pin, api.TrackerStatusClusterError), end)
	cut := accountOf(t, errors.New("cut off"))
	accounts := []*account{holds, fails, cut}
	want := []pinstatus.Holder{
		{ID: holds.id, Status: api.TrackerStatusPinned},
		{ID: fails.id, Status: api.TrackerStatusClusterError, Error: "why", Progress: pinstatus.Progress{Nodes: 3, Bytes: 4}},
	}
	if got := standingFrom(pin, accounts, 2); !slices.Equal(got.Holders, want) || got.Away != 1 || got.Need != 2 || got.Safe() {
		t.Errorf("what all shall hold stands as %+v", got)
	}
	pin.ReplicationFactorMin, pin.ReplicationFactorMax = 1, 2
	pin.Allocations = []peer.ID{holds.id, testID(t)}
	if got := standingFrom(pin, accounts, 1); !slices.Equal(got.Holders, want[:1]) || got.Away != 1 || !got.Safe() {
		t.Errorf("what one holds and one that has left stands as %+v", got)
	}
}
