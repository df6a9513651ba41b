package overview_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/member"
	"github.com/underlay/underlay/proxy/overview"
	"github.com/underlay/underlay/proxy/proxytest"
)

// The graph is as IPFS Cluster draws it; of a peer that does not answer there is that it is a member.
func TestGraph(t *testing.T) {
	n := proxytest.NewNetwork()
	a, b, node := n.Join(t, "a").ID(), n.Join(t, "b").ID(), n.Join(t, "node").ID()
	g := overview.Graph(a, member.Answers[vitals.Links]{All: []member.Answer[vitals.Links]{
		{ID: a, Name: "a", Said: vitals.Links{Peers: []string{b.String(), "nonsense"}, Node: node.String(), Swarm: []string{b.String()}}},
		{ID: b, Name: "b", Fault: errors.New("no route")},
	}})
	here, there := a.String(), b.String()
	if g.ClusterID != a || g.IDtoPeername[here] != "a" || g.ClustertoIPFS[here] != node || !g.ClusterTrustLinks[there] {
		t.Errorf("%+v", g)
	}
	if !slices.Equal(g.ClusterLinks[here], []peer.ID{b}) || !slices.Equal(g.IPFSLinks[node.String()], []peer.ID{b}) {
		t.Errorf("links: %+v", g)
	}
	if links, known := g.ClusterLinks[there]; !known || len(links) > 0 || len(g.ClustertoIPFS) != 1 || len(g.IDtoPeername) != 1 {
		t.Errorf("of the other: %+v", g)
	}
}
