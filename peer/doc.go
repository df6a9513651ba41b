// Package peer runs one cluster peer: an embedded IPFS node, the private-network host that connects it to the
// other peers, the replicated pinset, and the reconciler that makes this node hold what the pinset wants of it.
//
// Promise: after [Open] the peer forms or rejoins its cluster by itself, keeps doing so until [Peer.Close], and never
// starts a second cluster beside one that exists. What the pinset allocates to this peer is fetched and pinned on the
// local node; what it no longer allocates is unpinned.
//
// Not promised: HTTP. Package proxy serves the private APIs and package gateway the public one, both on top of this. But HTTP
// between the members is carried by it, whatever they serve (calls.go).
//
// Vocabulary: the node is the embedded IPFS node, the host is the libp2p host of the private network, a peer is a
// member of the cluster; node and host have identities of their own.
//
// Start reading at peer.go, then mesh.go and genesis.go (finding each other) and pinning.go (what a pin means). Package
// ipfs is the embedded node, package reconcile makes it follow the pinset, packages keys and names make the cluster one
// publisher of IPNS names.
package peer
