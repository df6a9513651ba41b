// Package proxy puts the private APIs of a peer on its listeners: the IPFS RPC API under /api/v0/, the pinning service under
// /psa/ and the cluster's REST API everywhere else.
//
// Each API is a folder of its own: rpc, psa and rest; access says who may use them. What they share is beside them: fault
// (how errors are answered), member (the other peers, and requests that name one), consistency (how fresh a read is) and
// upload (bodies that must keep moving).
//
// Start reading at [Handler], then in the folder of the API.
package proxy
