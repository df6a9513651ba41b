package overview

import (
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/member"
)

// Graph writes who is connected to whom as IPFS Cluster does; asked is the peer that has asked. Of a peer that does not answer
// there is only that it is a member.
func Graph(asked peer.ID, links member.Answers[vitals.Links]) api.ConnectGraph {
	g := api.ConnectGraph{
		ClusterID: asked, IDtoPeername: make(map[string]string), IPFSLinks: make(map[string][]peer.ID), ClusterLinks: make(map[string][]peer.ID),
		ClusterTrustLinks: make(map[string]bool), ClustertoIPFS: make(map[string]peer.ID),
	}
	for _, a := range links.All {
		id := a.ID.String()
		g.ClusterTrustLinks[id] = true
		g.ClusterLinks[id] = decode(a.Said.Peers)
		node, err := peer.Decode(a.Said.Node)
		if a.Fault != nil || err != nil {
			continue
		}
		g.IDtoPeername[id] = a.Name
		g.ClustertoIPFS[id] = node
		g.IPFSLinks[node.String()] = decode(a.Said.Swarm)
	}
	return g
}

// decode leaves out what is no ID: a member of another version may say more than this one knows.
func decode(ids []string) []peer.ID {
	found := []peer.ID{}
	for _, text := range ids {
		if id, err := peer.Decode(text); err == nil {
			found = append(found, id)
		}
	}
	return found
}
