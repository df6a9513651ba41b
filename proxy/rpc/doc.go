// Package rpc is the IPFS RPC API under /api/v0/ for the whole cluster.
//
// Promise: the API is kubo's own. Its commands run on an API node, a copy of the embedded node in which the parts
// that must be cluster-wide are replaced; the pinner is one that commits to the replicated pinset. So parameters,
// output, errors and safety checks are kubo's, and what was pinned through one peer is pinned on all. A request that
// pins is answered when the pin is committed and held by as many peers as the configuration asks for. Blocks that any peer
// has are local ones to commands that read what is local. A request that names a peer is answered by that one.
//
// Not promised: authorization. Package access stands in front of it.
//
// Start reading at rpc.go and pinner.go, then blocks.go for the other peers.
package rpc
