// Package proxy serves the private APIs of a peer: the IPFS RPC API under /api/v0/ and the cluster's REST API beside it.
//
// Promise: the RPC API is kubo's own. Its commands run on an API node, a copy of the embedded node in which the parts
// that must be cluster-wide are replaced; the pinner is one that commits to the replicated pinset. So parameters,
// output, errors and safety checks are kubo's, and what was pinned through one peer is pinned on all. A request that
// pins is answered when the pin is committed and held by as many peers as the configuration asks for. Blocks that any peer
// has are local ones to commands that read what is local. A request that names a peer is answered by that one.
//
// Not promised: authentication. Whoever reaches these listeners may do everything; they bind to loopback by default.
//
// Start reading at rpc.go and pinner.go, then address.go and blocks.go for the other peers; rest.go has the table of REST
// routes.
package proxy
