// Package proxy puts the private APIs of a peer on its listeners: the IPFS RPC API under /api/v0/, the pinning service under
// /psa/, the web console under /ui/ and the cluster's REST API everywhere else.
//
// Each is a folder of its own: rpc, psa, console and rest; access says who may use them. What they share is beside them: fault
// (how errors are answered), member (the other peers, and requests that name one), consistency (how fresh a read is), upload
// (bodies that must keep moving), origin (pages of other sites are kept out) and overview (a picture of the whole cluster).
//
// Start reading at [Handler], then in the folder of the API.
package proxy
