package peer

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
)

func TestFounders(t *testing.T) {
	h, _ := newHost(t, testSecret(1))
	self, one, two := h.ID(), testID(t), testID(t)
	refused := fmt.Errorf("greet: %w", errSecretDiffers)
	met := func(id peer.ID) acquaintance { return acquaintance{id: id, hello: Hello{Node: "node of " + id}} }
	member := func(id peer.ID, members ...peer.ID) acquaintance {
		a := met(id)
		a.hello.HasState, a.hello.Members = true, members
		return a
	}
	addrs := []string{"a:1", "b:1", "c:1"}
	for _, r := range []struct {
		name  string
		addrs []string
		peers map[string]acquaintance
		want  []peer.ID // or else
		err   error
		says  []string
	}{
		{"alone", nil, nil, []peer.ID{self}, nil, nil},
		{"nobody met yet", addrs, nil, nil, errWaiting, []string{"no answer from a:1, b:1, c:1"}},
		{"only itself", addrs[:1], map[string]acquaintance{"a:1": {id: self}}, []peer.ID{self}, nil, nil},
		{"all met, itself in the list", addrs,
			map[string]acquaintance{"a:1": {id: self}, "b:1": met(one), "c:1": met(two)}, []peer.ID{self, one, two}, nil, nil},
		{"all met, itself not in the list", addrs[1:],
			map[string]acquaintance{"b:1": met(one), "c:1": met(two)}, []peer.ID{self, one, two}, nil, nil},
		{"two addresses of one peer", addrs,
			map[string]acquaintance{"a:1": {id: self}, "b:1": met(one), "c:1": met(one)}, []peer.ID{self, one}, nil, nil},
		{"one missing", addrs,
			map[string]acquaintance{"a:1": {id: self}, "b:1": met(one)}, nil, errWaiting, []string{"3 peers", "have 2", "no answer from c:1"}},
		{"known but not greeted", addrs[1:2],
			map[string]acquaintance{"b:1": {id: one}}, nil, errWaiting, []string{"no answer from b:1"}},
		{"met once, lost now", addrs[1:2],
			map[string]acquaintance{"b:1": {id: one, hello: Hello{Node: "n"}, err: net.ErrClosed}}, []peer.ID{self, one}, nil, nil},
		{"all refuse the secret", addrs[1:],
			map[string]acquaintance{"b:1": {err: refused}, "c:1": {err: refused}}, nil, errSecretDiffers, []string{"c:1"}},
		{"one refuses, one is absent", addrs[1:],
			map[string]acquaintance{"b:1": {err: refused}, "c:1": {err: net.ErrClosed}}, nil, errSecretDiffers, []string{"b:1"}},
		{"one refuses, one accepts", addrs[1:],
			map[string]acquaintance{"b:1": {err: refused}, "c:1": met(two)}, nil, errWaiting, []string{"no answer from b:1"}},
		{"a cluster without this peer", addrs[1:],
			map[string]acquaintance{"b:1": member(one, one, two), "c:1": met(two)}, nil, errWaiting, []string{"b:1", "leader"}},
		{"a cluster with this peer", addrs[1:2],
			map[string]acquaintance{"b:1": member(one, one, self)}, nil, errWaiting, []string{"b:1", "leader"}},
		{"state, but no members known", addrs[1:2],
			map[string]acquaintance{"b:1": member(one)}, nil, errWaiting, []string{"b:1", "leader"}},
	} {
		t.Run(r.name, func(t *testing.T) {
			m := &mesh{host: h, addrs: r.addrs, peers: r.peers}
			got, err := m.founders()
			slices.Sort(r.want)
			if !slices.Equal(got, r.want) || !errors.Is(err, r.err) || (r.err == nil) != (err == nil) {
				t.Fatalf("got %v, %v; want %v, %v", got, err, r.want, r.err)
			}
			for _, text := range r.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the error does not say %q: %v", text, err)
				}
			}
		})
	}
}

// A cluster that has a leader and lacks this peer is one to join; one without a leader may only be behind.
func TestStranger(t *testing.T) {
	h, _ := newHost(t, testSecret(1))
	one, two := testID(t), testID(t)
	of := func(leader bool, members ...peer.ID) map[string]acquaintance {
		return map[string]acquaintance{"b:1": {id: one, hello: Hello{HasState: true, HasLeader: leader, Members: members}}}
	}
	for _, r := range []struct {
		name  string
		peers map[string]acquaintance
		want  bool
	}{
		{"nobody met", nil, false},
		{"a cluster without this peer", of(true, one, two), true},
		{"a cluster with this peer", of(true, one, h.ID()), false},
		{"no leader", of(false, one, two), false},
		{"out of reach", map[string]acquaintance{"b:1": {id: one, err: net.ErrClosed, hello: Hello{HasLeader: true}}}, false},
	} {
		t.Run(r.name, func(t *testing.T) {
			m := &mesh{host: h, peers: r.peers}
			if id, ok := m.stranger(nil); ok != r.want || (ok && id != one) {
				t.Errorf("got %s, %t, want %t", id, ok, r.want)
			}
		})
	}
}
